// What `concertina run` says at its end.
#pragma once

#include "pipeline/stages.h"

namespace concertina {

// The Pareto front, the best subnet for each budget and what was written; with --json as one
// object.
void print_run_answer(const PipelineConfig& config, const Workspace& space, const Globals& globals);

}  // namespace concertina
