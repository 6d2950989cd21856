// Cholesky factors of sums over frames.
#pragma once

#include <ATen/ATen.h>

namespace concertina {

// Lower factors of symmetric matrices [K, D, D]. Where frames are fewer than features, or features nearly
// alike, the rounding of fp32 products can exceed the weakest shrinkages: those matrices get as much
// more of the identity as they need. Diagonals are about 1.
at::Tensor cholesky_factors(at::Tensor matrices);

}  // namespace concertina
