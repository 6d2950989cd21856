// What a model in training scores on validation batches.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "distill/data/crops.h"
#include "distill/train/communicator.h"
#include "distill/train/learner.h"

namespace concertina {

// The loss of each size that the sampler trains, by name: means over the frames of about `clips`
// crops or clips. Every process takes its share of the batches and hears the same result.
std::vector<std::pair<std::string, LossValues>> losses_of_sizes(Learner& learner,
                                                                const BatchSource& batches,
                                                                int32_t clips,
                                                                Communicator& communicator);

}  // namespace concertina
