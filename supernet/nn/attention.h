// Softmax attention; heads are concatenated in the last dimension.
#pragma once

#include <ATen/ATen.h>

namespace concertina {

// [B, T, heads * d] -> [B, heads, T, d], without a copy.
at::Tensor by_heads(const at::Tensor& x, int64_t heads);

// softmax(q k' / sqrt(d) + mask) v for each head: q [B, T, heads * d], k, v [B, K, heads * d]; mask
// [B or 1, heads or 1, T or 1, K], bool (true where a key is attended to), additive, or undefined. A row without any
// key gives zero. Scores, softmax and sums are fp32; bf16 rounds the weights, as ATen's own
// attention does. On CPUs that multiply bf16 in hardware, bf16 uses oneDNN's products through
// ATen's brgemm, one block of rows at a time; all else is ATen's attention. Differentiable; the
// backward pass recomputes the weights from the scores and the logarithm of their sum (Dao et al.
// 2022). Thread-safe.
at::Tensor masked_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            int64_t heads, const at::Tensor& mask);

// The same where frame i attends to the valid frames j with |i - j| <= window / 2, window > 0: q, k, v
// [B, T, heads * d]; valid [B, 1, 1, T] bool, or undefined: all. Computed as a band, block by block: time
// and memory grow with T * window.
at::Tensor windowed_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                              int64_t heads, const at::Tensor& valid, int64_t window);

}  // namespace concertina
