#include "study/latency/ridge.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/errors.h"
#include "core/rng.h"

namespace concertina {
namespace {

constexpr size_t kWidth = 6;
constexpr double kLambda = 0.1;

struct Equations {
  std::vector<double> gram = std::vector<double>(kWidth * kWidth, 0.0);
  std::vector<double> moment = std::vector<double>(kWidth, 0.0);

  double slope(const std::vector<double>& w, size_t i) const {
    double sum = moment[i];
    for (size_t j = 0; j < kWidth; ++j) sum -= gram[i * kWidth + j] * w[j];
    return sum;
  }
};

// Columns 4 and 5 are nearly the same; the target decreases with columns 1 and 3.
Equations random_equations(uint64_t seed) {
  Rng rng(seed);
  Equations equations;
  for (int r = 0; r < 30; ++r) {
    std::vector<double> row;
    for (size_t c = 0; c < kWidth; ++c) row.push_back(rng.uniform());
    row[5] = row[4] + 1e-6 * row[5];
    const double y = row[0] - 2 * row[1] + 3 * row[2] - 0.5 * row[3] + row[4] + 0.1 * rng.uniform();
    for (size_t i = 0; i < kWidth; ++i) {
      equations.moment[i] += row[i] * y;
      for (size_t j = 0; j < kWidth; ++j) equations.gram[i * kWidth + j] += row[i] * row[j];
    }
  }
  for (size_t i = 0; i < kWidth; ++i) equations.gram[i * kWidth + i] += kLambda;
  return equations;
}

TEST(NonNegative, MeetsTheConditionsOfTheMinimum) {  // Karush, Kuhn and Tucker
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const Equations equations = random_equations(seed);
    const std::vector<double> w = solve_non_negative(equations.gram, equations.moment);
    int64_t zeros = 0;
    for (size_t i = 0; i < kWidth; ++i) {
      EXPECT_GE(w[i], 0);
      if (w[i] > 0) {
        EXPECT_NEAR(equations.slope(w, i), 0, 1e-9) << seed << " " << i;
      } else {
        ++zeros;
        EXPECT_LE(equations.slope(w, i), 1e-9) << seed << " " << i;
      }
    }
    EXPECT_GT(zeros, 0);
  }
}

TEST(NonNegative, IsLeastSquaresWhereThatIsPositive) {
  const std::vector<double> gram = {4, 1, 1, 3}, moment = {9, 5};
  const std::vector<double> w = solve_non_negative(gram, moment);
  EXPECT_NEAR(w[0], 2, 1e-12);
  EXPECT_NEAR(w[1], 1, 1e-12);
}

TEST(NonNegative, RefusesDegenerateColumns) {
  const std::vector<double> gram = {14, 14, 14, 14}, moment = {10, 10};
  EXPECT_EQ(solve_non_negative(gram, moment)[0], 10.0 / 14);  // one of the two is enough
  const std::vector<double> nothing = {std::nan(""), 0, 0, 1};
  EXPECT_THROW(solve_non_negative(nothing, {{1, 1}}), NumericError);
}

}  // namespace
}  // namespace concertina
