// Learning rates of parts of the model, as factors of the schedule's: parameter groups.
#pragma once

#include <cstdint>
#include <vector>

#include "distill/train/options.h"
#include "supernet/model/parameters.h"

namespace concertina {

// Multiplies the lr_scale of each parameter by its part's:
//
//   convolutions of the front end, their norms      front_end * layers * layer_decay^depth
//   what follows, before the first layer            layers * layer_decay^depth
//   encoder layer i of 0..depth-1                   layers * layer_decay^(depth - 1 - i)
//   matrices and convolutions of all of these       matrices, in addition
//   prediction heads                                heads
//
// `depth`: layers of the supernet, which keep their index in every subnet. The norm after
// the last layer of a pre-norm encoder has the factor of that layer. 0 freezes a part: no gradient, no decay.
void scale_rates(std::vector<Parameters::Init>& parameters, const RateScales& scales,
                 const Blueprint& blueprint, int32_t depth);

}  // namespace concertina
