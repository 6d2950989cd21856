#include "eval/cholesky.h"

#include <tuple>

namespace concertina {

at::Tensor cholesky_factors(at::Tensor matrices) {
  auto [factors, info] = at::linalg_cholesky_ex(matrices);
  for (double extra = 1e-6; extra <= 1 && info.any().item<bool>(); extra *= 10) {
    const at::Tensor failed = info.ne(0).to(at::kDouble).view({-1, 1, 1});
    matrices = matrices + extra * failed * at::eye(matrices.size(1), matrices.options());
    std::tie(factors, info) = at::linalg_cholesky_ex(matrices);
  }
  return factors;
}

}  // namespace concertina
