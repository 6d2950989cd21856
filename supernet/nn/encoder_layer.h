// The transformer's parts: positional convolution and encoder layer, time-major.
#pragma once

#include <ATen/ATen.h>

#include "supernet/nn/weights.h"

namespace concertina {

// x + GELU(conv(x)), x [B, T, E] zero where not valid.
at::Tensor positional_conv(const PositionalConv& shape, const Affine& conv, const at::Tensor& x);

// One layer. `attention_mask` [B, 1, 1, T] bool or undefined; `ffn_result`, when given, receives
// fc2's output before residual and norm.
at::Tensor encoder_layer(const Blueprint& blueprint, const LayerWeights& layer, const at::Tensor& x,
                         const at::Tensor& attention_mask, at::Tensor* ffn_result = nullptr);

}  // namespace concertina
