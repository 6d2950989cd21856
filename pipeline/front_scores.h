// The members of a front that people are told of by name: scored on test and timed again.
#pragma once

#include <span>

#include "pipeline/search_inputs.h"
#include "db/study_file.h"

namespace concertina {

// Scores on test what named_members() and `also` list, as far as the newest looks with the same
// metrics, settings, model and data have not, and times what has no fresh time of the configured
// workload. Looks and times are appended with the date. Where fresh times correct the latency model
// so that a budget names another member, that one follows (three rounds at most). Run it with no
// worker active. Interrupted when a stop was asked for.
void score_front(const SearchInputs& inputs, StudyFile& study, std::span<const Architecture> also,
                 const StopToken& stop);

// The scored members on stdout, as a table or JSON.
void print_front(const Workspace& space, const Globals& globals);

}  // namespace concertina
