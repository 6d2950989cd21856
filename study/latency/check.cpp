#include "study/latency/check.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "study/latency/model.h"

namespace concertina {
namespace {

constexpr double kOutside = 0.1;  // expected share of times outside the interval
constexpr double kSignificance = 0.05;

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

}  // namespace

double chance_of_at_least(int64_t hits, int64_t count, double p) {
  double sum = 0;
  for (int64_t k = hits; k <= count; ++k) {
    const auto n = static_cast<double>(count), i = static_cast<double>(k);
    const double log_ways = std::lgamma(n + 1) - std::lgamma(i + 1) - std::lgamma(n - i + 1);
    sum += std::exp(log_ways + i * std::log(p) + (n - i) * std::log1p(-p));
  }
  return std::min(sum, 1.0);
}

LatencyCheck check_latency(const LatencyModel& model, std::span<const LatencyPoint> times) {
  LatencyCheck check;
  if (!model.held_out()) return check;
  std::vector<double> ratios;
  for (const LatencyPoint& time : times) {
    if (!same_workload(time, model.workload())) continue;
    const double ratio = time.p50_ms / model.predict_ms(time.architecture);
    ratios.push_back(ratio);
    check.outside += ratio < model.held_out()->low || ratio > model.held_out()->high;
  }
  check.times = static_cast<int64_t>(ratios.size());
  if (check.outside > 0 && chance_of_at_least(check.outside, check.times, kOutside) < kSignificance)
    check.scale = median(std::move(ratios));
  return check;
}

}  // namespace concertina
