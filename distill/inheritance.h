// Initialising a model from the weights of another one: which are copied, which are not, and why.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "supernet/model/supernet.h"

namespace concertina {

struct Inheritance {
  using ByReason = std::map<std::string, std::vector<std::string>>;
  std::vector<std::string> copied;
  ByReason initial;                      // tensors of the new model that keep their initial values
  ByReason unused;                       // tensors of the older model
  std::vector<std::string> differences;  // keys in which the blueprints differ
};

// Copies tensors of the same name, shape and meaning. Where the channel order of the positional
// convolutions' groups differs (interleaved in one of the models), the older model's embedding channels
// are permuted first, which is exact: the new model computes the older one's states in another
// order. Attention with other head sizes keeps its initial values. InputError where no weights have
// the same meaning: norms before the blocks in one model and after them in the other, or channels
// that cannot be permuted.
Inheritance inherit_weights(Supernet& model, const Supernet& older);

// "70 tensors copied, 2 initial, 13 unused", then a line for each reason.
std::string describe(const Inheritance& inheritance);

}  // namespace concertina
