// The one place that answers "is this still the same study?", so that a search may resume it.
#pragma once

#include <string>
#include <vector>

#include "study/study_header.h"

namespace concertina {

// How the study `there` differs from the one that is `wanted`, one phrase per difference:
// "search.population is 40 there and 20 here". Compared are space, supernet (its sha256),
// objectives, recorded metrics, settings, and the fingerprints of the metrics that both have. A
// setting that is wanted and not on record there differs too (the study is of an older version).
// Paths, data, versions, device and config are not compared: what a score depends on is in its
// fingerprint. Empty: the same study.
std::vector<std::string> study_differences(const StudyHeader& there, const StudyHeader& wanted);

}  // namespace concertina
