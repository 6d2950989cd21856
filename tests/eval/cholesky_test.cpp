#include "eval/cholesky.h"

#include <gtest/gtest.h>

namespace concertina {
namespace {

struct Example {
  at::Tensor matrix, right;
};

// The covariance of `rows` vectors, whose diagonal is about 1.
Example covariance(int64_t rows, int64_t width, int64_t columns) {
  at::Generator draws = at::make_generator<at::CPUGeneratorImpl>(7);
  const auto normal = [&](int64_t n, int64_t d) {
    return at::empty({n, d}, at::kDouble).normal_(0, 1, draws);
  };
  const at::Tensor x = normal(rows, width);
  return {x.t().mm(x) / static_cast<double>(rows), normal(width, columns)};
}

double relative(const at::Tensor& a, const at::Tensor& b) {
  return ((a - b).norm() / b.norm()).item<double>();
}

TEST(SolveShrunk, EqualsLibTorchsSolution) {
  for (const int64_t width : {1, 5, 63, 64, 65, 200}) {
    const Example example = covariance(width / 2 + 1, width, 3);
    for (const double shrinkage : {0.3, 1e-2, 1e-5}) {
      const at::Tensor shrunk =
          (1 - shrinkage) * example.matrix + 2 * shrinkage * at::eye(width, at::kDouble);
      EXPECT_LT(relative(solve_shrunk(example.matrix, 1 - shrinkage, 2 * shrinkage, example.right),
                         at::linalg_solve(shrunk, example.right)),
                1e-9)
          << width << " " << shrinkage;
    }
  }
}

// The ridge of few rows, also through the products of rows instead of those of columns.
TEST(SolveShrunk, EqualsTheSolutionInTheSpanOfFewRows) {
  constexpr int64_t kRows = 30, kWidth = 150;
  at::Generator draws = at::make_generator<at::CPUGeneratorImpl>(8);
  const at::Tensor x = at::empty({kRows, kWidth}, at::kDouble).normal_(0, 1, draws) / 5;
  const at::Tensor y = at::empty({kRows, 4}, at::kDouble).normal_(0, 1, draws);
  for (const double shrinkage : {1e-1, 1e-3, 1e-5}) {
    const at::Tensor whole = solve_shrunk(x.t().mm(x), 1, shrinkage, x.t().mm(y));
    const at::Tensor in_span = x.t().mm(solve_shrunk(x.mm(x.t()), 1, shrinkage, y));
    EXPECT_LT(relative(whole, in_span), 1e-9) << shrinkage;
  }
}

TEST(SolveShrunk, AMatrixThatRoundingMadeIndefiniteGetsMoreOfTheIdentity) {
  const Example example = covariance(20, 100, 2);
  const at::Tensor solved = solve_shrunk(example.matrix, 1, -5e-5, example.right);
  const at::Tensor expected = at::linalg_solve(
      example.matrix + (1.11e-4 - 5e-5) * at::eye(100, at::kDouble), example.right);
  EXPECT_LT(relative(solved, expected), 1e-9);
}

TEST(SolveShrunk, AMatrixThatIsNoCovarianceHasNoSolution) {
  const at::Tensor unit = at::eye(70, at::kDouble);
  EXPECT_TRUE(solve_shrunk(unit, -3, 0.1, unit).isnan().all().item<bool>());
}

}  // namespace
}  // namespace concertina
