#include "study/latency/ridge.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "core/errors.h"

namespace concertina {
namespace {

constexpr double kTolerance = 1e-12;  // of the gradient, relative to the moments
constexpr size_t kRoundsPerColumn = 20;

class ActiveSets {
 public:
  ActiveSets(std::span<const double> gram, std::span<const double> moment)
      : gram_(gram), moment_(moment), weights_(moment.size(), 0.0), free_(moment.size(), 0) {}

  std::vector<double> solve() {
    double largest = 0;
    for (const double m : moment_) largest = std::max(largest, std::abs(m));
    for (size_t round = 0; round < kRoundsPerColumn * moment_.size(); ++round) {
      const int64_t next = steepest(kTolerance * largest);
      if (next < 0) break;
      free_[static_cast<size_t>(next)] = 1;
      while (!step()) {
      }
    }
    return std::move(weights_);
  }

 private:
  // The column at zero with the steepest descent; -1: none, which is the minimum.
  int64_t steepest(double tolerance) const {
    int64_t best = -1;
    double most = tolerance;
    for (size_t i = 0; i < weights_.size(); ++i) {
      if (free_[i] != 0) continue;
      double slope = moment_[i];
      for (size_t j = 0; j < weights_.size(); ++j)
        slope -= gram_[i * weights_.size() + j] * weights_[j];
      if (slope > most) most = slope, best = static_cast<int64_t>(i);
    }
    return best;
  }

  // A step towards the minimum over the free columns that keeps every weight non-negative; columns
  // that reach zero are no longer free. True when the minimum was reached.
  bool step() {
    std::vector<size_t> columns;
    for (size_t i = 0; i < free_.size(); ++i)
      if (free_[i] != 0) columns.push_back(i);
    const std::vector<double> target = least_squares(columns);
    double share = 1;
    for (size_t k = 0; k < columns.size(); ++k) {
      const double now = weights_[columns[k]];
      if (target[k] <= 0) share = std::min(share, now > 0 ? now / (now - target[k]) : 0.0);
    }
    for (size_t k = 0; k < columns.size(); ++k) {
      double& weight = weights_[columns[k]];
      const bool blocks = target[k] <= 0 && (weight <= 0 || weight / (weight - target[k]) <= share);
      weight = blocks ? 0 : weight + share * (target[k] - weight);
      if (blocks) free_[columns[k]] = 0;
    }
    return share >= 1;
  }

  // The Cholesky solution over these columns.
  std::vector<double> least_squares(const std::vector<size_t>& columns) const {
    const size_t size = columns.size();
    std::vector<double> factor(size * size, 0.0), x(size);
    for (size_t i = 0; i < size; ++i) {
      x[i] = moment_[columns[i]];
      for (size_t j = 0; j <= i; ++j) {
        double sum = gram_[columns[i] * weights_.size() + columns[j]];
        for (size_t k = 0; k < j; ++k) sum -= factor[i * size + k] * factor[j * size + k];
        if (i == j && !(sum > 0)) throw NumericError("least squares: the columns are degenerate");
        factor[i * size + j] = i == j ? std::sqrt(sum) : sum / factor[j * size + j];
      }
      for (size_t k = 0; k < i; ++k) x[i] -= factor[i * size + k] * x[k];
      x[i] /= factor[i * size + i];
    }
    for (size_t i = size; i-- > 0;) {
      for (size_t k = i + 1; k < size; ++k) x[i] -= factor[k * size + i] * x[k];
      x[i] /= factor[i * size + i];
    }
    return x;
  }

  std::span<const double> gram_, moment_;
  std::vector<double> weights_;
  std::vector<char> free_;  // columns whose weight is not held at zero
};

}  // namespace

std::vector<double> solve_non_negative(std::span<const double> gram,
                                       std::span<const double> moment) {
  CONCERTINA_ASSERT(gram.size() == moment.size() * moment.size());
  if (!std::ranges::all_of(gram, [](double g) { return std::isfinite(g); }))
    throw NumericError("least squares: the columns are not finite");
  return ActiveSets(gram, moment).solve();
}

}  // namespace concertina
