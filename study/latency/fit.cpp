#include "study/latency/fit.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "core/errors.h"
#include "study/latency/ridge.h"

namespace concertina {
namespace {

constexpr int64_t kInnerFolds = 5, kOuterFolds = 10;

// Sums over rows, each weighted by 1 / ms; column 0 is the intercept.
struct NormalEquations {
  std::vector<double> gram, moment;
  double weight = 0;  // the sum of the rows' squared weights
};

// Standard deviations of the features, which standardise the weights; 0: the feature is constant
// among the rows and gets no weight.
std::vector<double> deviations(const TimedRows& rows) {
  const auto count = static_cast<double>(rows.ms.size());
  std::vector<double> scale;
  for (size_t c = 0; c < rows.features[0].size(); ++c) {
    double mean = 0, square = 0;
    for (const auto& row : rows.features) mean += row[c] / count;
    for (const auto& row : rows.features) square += std::pow(row[c] - mean, 2) / count;
    const double deviation = std::sqrt(square);
    scale.push_back(deviation > 1e-9 * std::abs(mean) ? deviation : 0);
  }
  return scale;
}

NormalEquations normal_equations(const TimedRows& rows, std::span<const double> scale) {
  const size_t width = scale.size() + 1;
  NormalEquations sums{std::vector<double>(width * width, 0.0), std::vector<double>(width, 0.0)};
  std::vector<double> row(width);
  for (size_t r = 0; r < rows.ms.size(); ++r) {
    const double weight = 1 / rows.ms[r];
    row[0] = weight;
    for (size_t c = 0; c < scale.size(); ++c)
      row[c + 1] = scale[c] > 0 ? weight * rows.features[r][c] / scale[c] : 0;
    sums.weight += weight * weight;
    for (size_t i = 0; i < width; ++i) {
      sums.moment[i] += row[i];  // the target is ms * weight = 1
      for (size_t j = 0; j < width; ++j) sums.gram[i * width + j] += row[i] * row[j];
    }
  }
  return sums;
}

NonNegativeSum solve(const NormalEquations& sums, std::span<const double> scale, double lambda) {
  const size_t width = scale.size() + 1;
  std::vector<double> gram = sums.gram;
  for (size_t c = 1; c < width; ++c) gram[c * width + c] += lambda * sums.weight;
  const std::vector<double> solution = solve_non_negative(gram, sums.moment);
  NonNegativeSum result{solution[0], {}};
  for (size_t c = 0; c < scale.size(); ++c)
    result.weights.push_back(scale[c] > 0 ? solution[c + 1] / scale[c] : 0);
  return result;
}

std::vector<double> penalties() {
  std::vector<double> all;
  for (int32_t step = -12; step <= 2; ++step) all.push_back(std::pow(10.0, 0.5 * step));
  return all;
}

struct Fold {
  std::vector<size_t> kept, held_out;
};

// Groups are dealt to the folds in the order they appear.
std::vector<Fold> folds_of(const TimedRows& rows, int64_t most) {
  std::map<int64_t, int64_t> turn;
  for (const int64_t group : rows.group) turn.emplace(group, static_cast<int64_t>(turn.size()));
  const int64_t count = std::min(most, static_cast<int64_t>(turn.size()));
  std::vector<Fold> folds(static_cast<size_t>(count));
  for (size_t r = 0; r < rows.ms.size(); ++r) {
    for (int64_t f = 0; f < count; ++f) {
      const bool held_out = turn.at(rows.group[r]) % count == f;
      Fold& fold = folds[static_cast<size_t>(f)];
      (held_out ? fold.held_out : fold.kept).push_back(r);
    }
  }
  return folds;
}

double best_penalty(const TimedRows& rows) {
  const std::vector<double> lambdas = penalties();
  std::vector<double> loss(lambdas.size(), 0.0);
  for (const Fold& fold : folds_of(rows, kInnerFolds)) {
    const TimedRows kept = rows.pick(fold.kept);
    const std::vector<double> scale = deviations(kept);
    const NormalEquations sums = normal_equations(kept, scale);
    for (size_t i = 0; i < lambdas.size(); ++i) {
      const NonNegativeSum sum = solve(sums, scale, lambdas[i]);
      for (const size_t r : fold.held_out)
        loss[i] += std::pow(sum.at(rows.features[r]) / rows.ms[r] - 1, 2);
    }
  }
  return lambdas[static_cast<size_t>(std::ranges::min_element(loss) - loss.begin())];
}

}  // namespace

TimedRows TimedRows::pick(std::span<const size_t> rows) const {
  TimedRows picked;
  for (const size_t r : rows) {
    picked.features.push_back(features[r]);
    picked.ms.push_back(ms[r]);
    picked.group.push_back(group[r]);
  }
  return picked;
}

double NonNegativeSum::at(std::span<const double> features) const {
  CONCERTINA_ASSERT(features.size() == weights.size());
  double ms = intercept;
  for (size_t i = 0; i < features.size(); ++i) ms += weights[i] * features[i];
  return ms;
}

NonNegativeSum fit_non_negative(const TimedRows& rows) {
  const std::vector<double> scale = deviations(rows);
  return solve(normal_equations(rows, scale), scale, best_penalty(rows));
}

std::vector<double> held_out_ms(const TimedRows& rows) {
  std::vector<double> predicted(rows.ms.size());
  for (const Fold& fold : folds_of(rows, kOuterFolds)) {
    const NonNegativeSum sum = fit_non_negative(rows.pick(fold.kept));
    for (const size_t r : fold.held_out) predicted[r] = sum.at(rows.features[r]);
  }
  return predicted;
}

}  // namespace concertina
