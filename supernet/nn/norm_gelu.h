// Norm and GELU in one sweep over memory: in the conv stack the element-wise passes would otherwise
// cost as much as the arithmetic. The exact (erf) GELU, statistics and arithmetic in fp32, result
// in the dtype of x; erf is a rational approximation with an absolute error below 5e-7.
// Differentiable with respect to every tensor. Where gradients are off, the result takes the memory
// of x, whose values are lost. Where they are on, `again`, when given, receives how to compute
// the result again from x, so that it need not be kept.
#pragma once

#include <ATen/ATen.h>

#include "supernet/nn/recompute.h"
#include "supernet/nn/weights.h"

namespace concertina {

// GELU(LayerNorm(x)) over the last dimension, eps 1e-5. x [..., C] fp32 or bf16; norm.weight,
// norm.bias [C] fp32.
at::Tensor layer_norm_gelu(at::Tensor x, const Affine& norm, Again* again = nullptr);

// GELU(GroupNorm(x)) with one group a channel, as in fairseq's "default" extractor: statistics over
// the first lengths[b] frames of each utterance, eps 1e-5; later frames become zero. x [B, T, C];
// lengths [B] int64 on the CPU.
at::Tensor channel_norm_gelu(at::Tensor x, const Affine& norm, const at::Tensor& lengths,
                             Again* again = nullptr);

// GELU(x) of any shape.
at::Tensor fast_gelu(at::Tensor x, Again* again = nullptr);

}  // namespace concertina
