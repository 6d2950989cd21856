// Scores the reported members of a front (study/front_members.h) on test and measures their latency
// again.
#pragma once

#include <span>

#include "core/stop.h"
#include "pipeline/search_inputs.h"
#include "study/study_file.h"

namespace concertina {

// The study's artefact that names the pipeline file of its search.
inline constexpr const char* kPipelineArtefact = "pipeline";

// Scores named_members() and `also` on test, except those that were already scored with the same
// metrics, settings, model and data, and measures those without a latency measurement of the
// configured workload. Each evaluation on test (TestLook) and each measurement (FreshTime) is
// appended with its date. If the measurements correct the latency model so that a budget selects
// another member, that one is scored and measured too (at most three rounds). Run it with no worker
// active. Interrupted when a stop was requested.
void score_front(const SearchInputs& inputs, StudyFile& study, std::span<const Architecture> also,
                 const StopToken& stop);

}  // namespace concertina
