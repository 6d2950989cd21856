// The members of a front that people are told of by name: scored on test and timed again.
#pragma once

#include <span>

#include "core/stop.h"
#include "db/study_file.h"
#include "pipeline/search_inputs.h"

namespace concertina {

// The study's artefact that names the pipeline file of its search.
inline constexpr const char* kPipelineArtefact = "pipeline";

// Scores on test what named_members() and `also` list, as far as the newest looks with the same
// metrics, settings, model and data have not, and times what has no fresh time of the configured
// workload. Looks and times are appended with the date. Where fresh times correct the latency model
// so that a budget names another member, that one follows (three rounds at most). Run it with no
// worker active. Interrupted when a stop was asked for.
void score_front(const SearchInputs& inputs, StudyFile& study, std::span<const Architecture> also,
                 const StopToken& stop);

}  // namespace concertina
