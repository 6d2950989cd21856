// Linear attention (Katharopoulos et al. 2020), bidirectional; heads are concatenated in the last
// dimension.
#pragma once

#include <ATen/ATen.h>

namespace concertina {

// For each head, with f(x) = elu(x) + 1 and sums over the valid frames j,
//   y_i = f(q_i)' S / (f(q_i)' z + 1e-6),  S = sum_j f(k_j) v_j',  z = sum_j f(k_j);
// q, k, v [B, T, heads * d]; valid [B, 1, 1, T] bool, or undefined: all. Nothing of a frame that is
// not valid is read, and its result is zero. Queries are not scaled. Products and sums are fp32
// whatever the dtype of q, which is that of y; time and memory grow with T. Differentiable.
// Thread-safe.
at::Tensor linear_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            int64_t heads, const at::Tensor& valid);

}  // namespace concertina
