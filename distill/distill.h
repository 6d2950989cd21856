// Stages 1 and 2 of the distillation: a student learns from a teacher by one of the objectives of
// distill/objective/objective_kinds.h.
#pragma once

#include <cstdint>

#include "distill/options.h"
#include "distill/train/stage.h"

namespace concertina {

struct DistillInputs {
  int32_t stage = 1;
  const SearchSpace& space;
  const Supernet& teacher;
  const ModelWithHeads* previous = nullptr;  // may be null unless the options ask for it
  const Manifest& manifest;
};

// The student has the whole space's storage in both stages; only the sampler differs. Mel
// statistics always come from the teacher. Errors: InputError for options that do not fit, else as
// Trainer::run.
StageResult distill_stage(const DistillOptions& options, const DistillInputs& inputs,
                          const StageContext& context);

}  // namespace concertina
