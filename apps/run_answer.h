// What `concertina run` prints at its end.
#pragma once

#include "pipeline/pipeline.h"

namespace concertina {

// The Pareto front, the best subnet for each budget and what was written; or one JSON object.
void print_run_answer(const Pipeline& pipeline, bool as_json);

}  // namespace concertina
