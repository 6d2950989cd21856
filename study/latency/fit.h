// The regression behind the latency model: milliseconds as a non-negative sum of features.
// Private to study/latency/.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace concertina {

// One row per measured time. Rows of one group are of the same subnet: they are held out together.
struct TimedRows {
  std::vector<std::vector<double>> features;
  std::vector<double> ms;
  std::vector<int64_t> group;

  TimedRows pick(std::span<const size_t> rows) const;
};

struct NonNegativeSum {
  double intercept = 0;         // ms, >= 0
  std::vector<double> weights;  // ms for one unit of each feature, >= 0
  double at(std::span<const double> features) const;
};

// Least squares of the relative error with a ridge penalty on the standardised weights (not on the
// intercept); its strength is chosen by 5-fold cross-validation within `rows`. NumericError when
// the rows are degenerate.
NonNegativeSum fit_non_negative(const TimedRows& rows);

// Each row's prediction by a fit_non_negative() of the other groups, in 10 folds: the penalty is
// chosen without the predicted rows (nested cross-validation).
std::vector<double> held_out_ms(const TimedRows& rows);

}  // namespace concertina
