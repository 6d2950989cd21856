// Stages 1 and 2: a student learns to say what the teacher's upper layers say; see
// distill/objective/layer_mean.h.
#pragma once

#include <string>
#include <vector>

#include "distill/objective/objective_file.h"
#include "distill/options.h"
#include "distill/train/stage.h"

namespace concertina {

// The student has the whole space's storage in both stages; only the sampler differs. `previous`
// may be null unless the options ask for it. Mel statistics always come from the teacher.
StageResult distill_stage(const DistillOptions& options, int32_t stage, const SearchSpace& space,
                          const Supernet& teacher, const ModelWithHeads* previous,
                          const Manifest& manifest, const StageContext& context);

}  // namespace concertina
