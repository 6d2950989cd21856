#include "study/latency/held_out_error.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/errors.h"

namespace concertina {

LatencyError latency_error(std::span<const double> predicted_ms,
                           std::span<const double> measured_ms) {
  LatencyError error;
  error.points = static_cast<int64_t>(measured_ms.size());
  const auto n = static_cast<double>(error.points);
  std::vector<double> ratios;
  for (size_t r = 0; r < measured_ms.size(); ++r) {
    if (!(predicted_ms[r] > 0))
      throw NumericError("the latency model could not be fitted: its points are degenerate");
    error.mape += std::abs(predicted_ms[r] - measured_ms[r]) / measured_ms[r] / n;
    ratios.push_back(measured_ms[r] / predicted_ms[r]);
  }
  error.kendall_tau = kendall_tau(predicted_ms, measured_ms);
  // Ranks of split conformal prediction; with few points they are the extremes.
  std::ranges::sort(ratios);
  const auto low = static_cast<int64_t>(std::floor((n + 1) * (1 - kLatencyCoverage) / 2));
  const auto high = static_cast<int64_t>(std::ceil((n + 1) * (1 + kLatencyCoverage) / 2));
  error.low = ratios[static_cast<size_t>(std::max<int64_t>(low, 1) - 1)];
  error.high = ratios[static_cast<size_t>(std::min(high, error.points) - 1)];
  return error;
}

double kendall_tau(std::span<const double> a, std::span<const double> b) {
  CONCERTINA_ASSERT(a.size() == b.size());
  int64_t concordant = 0, discordant = 0, tied_a = 0, tied_b = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    for (size_t j = i + 1; j < a.size(); ++j) {
      const int da = (a[i] > a[j]) - (a[i] < a[j]);
      const int db = (b[i] > b[j]) - (b[i] < b[j]);
      concordant += da * db > 0;
      discordant += da * db < 0;
      tied_a += da == 0;
      tied_b += db == 0;
    }
  }
  const auto pairs = static_cast<double>(a.size()) * (static_cast<double>(a.size()) - 1) / 2;
  const double scale =
      std::sqrt((pairs - static_cast<double>(tied_a)) * (pairs - static_cast<double>(tied_b)));
  return scale > 0 ? static_cast<double>(concordant - discordant) / scale : 0;
}

}  // namespace concertina
