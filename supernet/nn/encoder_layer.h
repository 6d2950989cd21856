// The transformer's parts: positional convolution and encoder layer, time-major.
#pragma once

#include <ATen/ATen.h>

#include "supernet/nn/weights.h"

namespace concertina {

// x + GELU(conv(x)), x [B, T, E] zero where not valid.
at::Tensor positional_conv(const PositionalConv& shape, const Affine& conv, const at::Tensor& x);

// What the layers' attentions share. Of one forward pass.
struct AttentionContext {
  at::Tensor mask;           // [B, 1, 1, T] bool, true where a key is valid; undefined: everywhere
  at::Tensor position_bias;  // [1, heads, T, T] before any gate; undefined: none
  at::Tensor map;  // [B, heads, T, T] of the last layer whose map is reused; layers set it
};

// One layer. `ffn_result`, when given, receives fc2's output before residual and norm.
at::Tensor encoder_layer(const Blueprint& blueprint, const LayerWeights& layer, const at::Tensor& x,
                         AttentionContext& context, at::Tensor* ffn_result = nullptr);

}  // namespace concertina
