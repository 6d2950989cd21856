// The error of the latency model on subnets that it was not fitted on.
#pragma once

#include <cstdint>
#include <span>

namespace concertina {

inline constexpr double kLatencyCoverage = 0.9;  // of the interval below

// Of nested cross-validation: the choice of the regularisation did not use the held-out subnets
// either.
struct LatencyError {
  int64_t points = 0;
  double mape = 0;         // mean absolute relative error: 0.05 is 5 %
  double kendall_tau = 0;  // rank agreement
  // measured / predicted lies in low..high for 90 % of the points; with few points, for all.
  double low = 1, high = 1;
  bool operator==(const LatencyError&) const = default;
};

// NumericError when a prediction is not positive.
LatencyError latency_error(std::span<const double> predicted_ms,
                           std::span<const double> measured_ms);

double kendall_tau(std::span<const double> a, std::span<const double> b);  // tau-b

}  // namespace concertina
