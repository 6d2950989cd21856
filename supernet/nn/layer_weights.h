// The weights of one encoder layer outside of a model.
#pragma once

#include "supernet/nn/weights.h"

namespace concertina {

// The first layer of `architecture`, from `tensors` named as in a model; others need not be there.
// InputError lists every missing one.
LayerWeights assemble_layer(const Blueprint& blueprint, const Architecture& architecture,
                            const TensorMap& tensors);

}  // namespace concertina
