// Activation checkpointing of an encoder layer (Chen et al. 2016).
#pragma once

#include "supernet/nn/encoder_layer.h"

namespace concertina {

// encoder_layer() that keeps its input and recomputes everything else in the backward pass: one more
// forward pass for the memory of the layer's activations. The same values and gradients, dropout among
// them; those of the position bias are summed in another order. The layer must not share its attention map with others, in either direction.
at::Tensor recomputed_encoder_layer(const Blueprint& blueprint, const LayerWeights& layer,
                                    const at::Tensor& x, const AttentionContext& context);

}  // namespace concertina
