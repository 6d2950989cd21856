// Whether a search may go on with a study: the one place that answers "is this still the same
// study?".
#pragma once

#include <string>
#include <vector>

#include "study/study_file.h"

namespace concertina {

// What keeps the study `there` from being the one that is `wanted`, one phrase for each:
// "search.population is 40 there and 20 here". Space, supernet (its sha256), objectives, recorded
// metrics, settings, and the fingerprints of the metrics that both have. What is wanted and not on
// record there differs too (an older version began the study). Paths, data, versions, device and
// config say nothing by themselves: what a score depends on is in its fingerprint. Empty: the same
// study.
std::vector<std::string> study_differences(const StudyHeader& there, const StudyHeader& wanted);

}  // namespace concertina
