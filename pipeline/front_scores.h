// Scores the named members of a front on test and measures their latency again.
#pragma once

#include <span>

#include "core/stop.h"
#include "pipeline/search_inputs.h"
#include "study/study_file.h"

namespace concertina {

// The study's artefact that names the pipeline file of its search.
inline constexpr const char* kPipelineArtefact = "pipeline";

// Scores named_members() and `also` on test, except those that the newest looks with the same
// metrics, settings, model and data contain, and measures those that have no fresh time of the
// configured workload. Looks and times are appended with the date. If fresh times correct the
// latency model so that a budget names another member, that one follows (at most three rounds). Run
// it with no worker active. Interrupted when a stop was requested.
void score_front(const SearchInputs& inputs, StudyFile& study, std::span<const Architecture> also,
                 const StopToken& stop);

}  // namespace concertina
