#include "search/ridge.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/rng.h"

namespace concertina {
namespace {

struct Data {
  std::vector<double> rows, target, leverage;
};

constexpr size_t kWidth = 4;

Data random_data(size_t count) {
  Rng rng(5);
  Data data;
  for (size_t r = 0; r < count; ++r) {
    double sum = rng.uniform();
    for (size_t c = 0; c < kWidth; ++c) {
      data.rows.push_back(rng.uniform() - 0.5);
      sum += static_cast<double>(c) * data.rows.back();
    }
    data.target.push_back(sum);
    data.leverage.push_back(0);
  }
  return data;
}

Data without(const Data& data, size_t row) {
  Data rest = data;
  const auto at = static_cast<std::ptrdiff_t>(row), width = static_cast<std::ptrdiff_t>(kWidth);
  rest.rows.erase(rest.rows.begin() + at * width, rest.rows.begin() + (at + 1) * width);
  rest.target.erase(rest.target.begin() + at);
  rest.leverage.pop_back();
  return rest;
}

Ridge solve(const Data& data, double lambda) {
  return solve_ridge(data.rows, data.target, data.leverage, lambda);
}

TEST(Ridge, IsAtTheMinimum) {
  const Data data = random_data(20);
  constexpr double kLambda = 0.3;
  const Ridge ridge = solve(data, kLambda);
  const auto cost = [&](const std::vector<double>& w) {
    double sum = 0;
    for (size_t r = 0; r < data.target.size(); ++r) {
      double error = -data.target[r];
      for (size_t c = 0; c < kWidth; ++c) error += data.rows[r * kWidth + c] * w[c];
      sum += error * error;
    }
    for (const double v : w) sum += kLambda * v * v;
    return sum;
  };
  for (size_t c = 0; c < kWidth; ++c) {
    for (const double step : {-1e-3, 1e-3}) {
      std::vector<double> moved = ridge.weights;
      moved[c] += step;
      EXPECT_GT(cost(moved), cost(ridge.weights));
    }
  }
}

TEST(Ridge, HeldOutResidualsAreThoseOfFitsWithoutTheRow) {
  const Data data = random_data(12);
  const Ridge ridge = solve(data, 0.1);
  for (size_t r = 0; r < data.target.size(); ++r) {
    const Ridge rest = solve(without(data, r), 0.1);
    double residual = data.target[r];
    for (size_t c = 0; c < kWidth; ++c) residual -= data.rows[r * kWidth + c] * rest.weights[c];
    EXPECT_NEAR(ridge.held_out[r], residual, 1e-9) << r;
  }
}

TEST(Ridge, IsNotFiniteWhereColumnsAreDegenerate) {
  const std::vector<double> rows = {1, 1, 2, 2, 3, 3}, target = {1, 2, 3}, none = {0, 0, 0};
  EXPECT_FALSE(std::isfinite(solve_ridge(rows, target, none, 0).loss));
}

}  // namespace
}  // namespace concertina
