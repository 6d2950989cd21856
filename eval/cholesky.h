// Linear systems of sums over frames, through their Cholesky factor.
#pragma once

#include <ATen/ATen.h>

namespace concertina {

// X [D, C] with (weight * matrix + identity * I) X = right, for a symmetric matrix [D, D] of doubles whose
// diagonal is about 1. Where frames are fewer than features, or features nearly alike, the rounding of fp32
// products can exceed the weakest shrinkages: such a matrix gets as much more of the identity as it needs.
// NaN where that is more than about 1.
at::Tensor solve_shrunk(const at::Tensor& matrix, double weight, double identity,
                        const at::Tensor& right);

}  // namespace concertina
