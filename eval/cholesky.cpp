#include "eval/cholesky.h"

#include <algorithm>
#include <limits>

namespace concertina {
namespace {

// Columns at once. LAPACK's own blocks are as fast, but ATen's call of it also copies the matrix and
// clears the other triangle column by column, which takes longer than the factor.
constexpr int64_t kColumns = 64;

// [rows, columns] of `matrix` from (row, column) on.
at::Tensor block(const at::Tensor& matrix, int64_t row, int64_t column, int64_t rows,
                 int64_t columns) {
  return matrix.narrow(0, row, rows).narrow(1, column, columns);
}

// In place: the lower factor; what is above its diagonal is of no use. False where the matrix is not
// positive definite.
bool cholesky_factor(const at::Tensor& matrix) {
  const int64_t width = matrix.size(0);
  for (int64_t first = 0; first < width; first += kColumns) {
    const int64_t size = std::min(kColumns, width - first), below = width - first - size;
    const at::Tensor panel = block(matrix, first, first, size + below, size);
    if (first > 0)
      panel.addmm_(block(matrix, first, 0, size + below, first),
                   block(matrix, first, 0, size, first).t(), 1, -1);
    const at::Tensor diagonal = panel.narrow(0, 0, size);
    const auto [factor, info] = at::linalg_cholesky_ex(diagonal);
    if (info.item<int>() != 0) return false;
    diagonal.copy_(factor);
    if (below == 0) break;
    const at::Tensor rest = panel.narrow(0, size, below);
    rest.copy_(at::linalg_solve_triangular(factor.t(), rest, /*upper=*/true, /*left=*/false));
  }
  return true;
}

}  // namespace

at::Tensor solve_shrunk(const at::Tensor& matrix, double weight, double identity,
                        const at::Tensor& right) {
  for (double extra = 1e-6; extra < 20; extra *= 10) {
    const at::Tensor factor = matrix * weight;
    factor.diagonal().add_(identity);
    if (cholesky_factor(factor))
      return at::linalg_solve_triangular(
          factor.t(), at::linalg_solve_triangular(factor, right, /*upper=*/false),
          /*upper=*/true);
    identity += extra;
  }
  return at::full_like(right, std::numeric_limits<double>::quiet_NaN());
}

}  // namespace concertina
