// The losses of a model in training on validation batches.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "distill/data/batch_source.h"
#include "distill/train/communicator.h"
#include "distill/train/learner.h"
#include "distill/train/observer.h"
#include "distill/train/run_state.h"

namespace concertina {

// The loss of each size that the sampler trains, by name: means over the frames of about `clips`
// crops or clips, with their standard errors. Every process evaluates its share of the batches; all get the same result.
std::vector<std::pair<std::string, LossValues>> validation_losses(Learner& learner,
                                                                  const BatchSource& batches,
                                                                  int32_t clips,
                                                                  Communicator& communicator);

// The losses of the weights that are saved and, with EMA, of the others. `step` and `best` are left
// to the caller.
ValidationReport validation_report(Learner& learner, RunState& state, const BatchSource& batches,
                                   int32_t clips, Communicator& communicator);

}  // namespace concertina
