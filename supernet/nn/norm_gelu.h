// Fused norm and GELU: in the conv stack separate element-wise passes would cost as much as the
// arithmetic. The exact (erf) GELU, statistics and arithmetic in fp32, result in the dtype of x;
// erf is a rational approximation with an absolute error below 5e-7. Differentiable with respect to
// every tensor. In no-grad mode the result overwrites x. In grad mode `recompute`, when given,
// receives a function that computes the result from x, for activation recomputation.
#pragma once

#include <ATen/ATen.h>

#include "supernet/nn/recompute.h"
#include "supernet/nn/weights.h"

namespace concertina {

// GELU(LayerNorm(x)) over the last dimension, eps 1e-5. x [..., C] fp32 or bf16; norm.weight,
// norm.bias [C] fp32.
at::Tensor layer_norm_gelu(at::Tensor x, const Affine& norm, Recompute* recompute = nullptr);

// GELU(GroupNorm(x)) with one group a channel, as in fairseq's "default" extractor: statistics over
// the first lengths[b] frames of each utterance, eps 1e-5; later frames become zero. x [B, T, C];
// lengths [B] int64 on the CPU.
at::Tensor channel_norm_gelu(at::Tensor x, const Affine& norm, const at::Tensor& lengths,
                             Recompute* recompute = nullptr);

// GELU(x) of any shape.
at::Tensor fast_gelu(at::Tensor x, Recompute* recompute = nullptr);

}  // namespace concertina
