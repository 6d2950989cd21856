// Starting a model from an older one: what is taken, what is not, and why.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "supernet/model/supernet.h"

namespace concertina {

struct Inheritance {
  using ByReason = std::map<std::string, std::vector<std::string>>;
  std::vector<std::string> taken;
  ByReason fresh;                        // tensors that stay as the new model began with them
  ByReason left_over;                    // tensors of the older model that went nowhere
  std::vector<std::string> differences;  // keys in which the blueprints differ
};

// Copies tensors of the same name and shape that mean the same in both. Where the positional
// convs' groups lie otherwise (interleaved in one of them), the older model's embedding channels
// change places first, which is exact: the new model computes the older one's states in another
// order. Attention of other head sizes is left fresh. InputError where the weights would mean
// something else throughout: norms before the blocks in one and after them in the other, or
// channels that cannot change places.
Inheritance inherit(Supernet& model, const Supernet& older);

// "70 tensors taken, 2 fresh, 13 left over", then a line a reason.
std::string describe(const Inheritance& inheritance);

}  // namespace concertina
