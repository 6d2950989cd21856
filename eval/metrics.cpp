#include "eval/metrics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/errors.h"

namespace concertina {
namespace {

std::vector<VerificationTrial> by_score(std::span<const VerificationTrial> trials) {
  std::vector<VerificationTrial> sorted(trials.begin(), trials.end());
  std::ranges::stable_sort(sorted, {}, &VerificationTrial::score);
  return sorted;
}

// Misses and false alarms, as shares, of each threshold from "accept all" to "reject all": equal
// scores are one point. `times` says how often each clip counts, empty: once. Empty when one kind
// of trial is missing.
struct OperatingPoint {
  double miss = 0, alarm = 1;
};
std::vector<OperatingPoint> operating_points(std::span<const VerificationTrial> sorted,
                                             std::span<const int32_t> times) {
  const auto weight = [&](const VerificationTrial& trial) {
    if (times.empty()) return 1.0;
    return static_cast<double>(times[static_cast<size_t>(trial.first)]) *
           times[static_cast<size_t>(trial.second)];
  };
  double targets = 0, others = 0;
  for (const VerificationTrial& trial : sorted) (trial.target ? targets : others) += weight(trial);
  if (targets == 0 || others == 0) return {};

  std::vector<OperatingPoint> points = {{}};
  double rejected_targets = 0, rejected_others = 0;
  for (size_t i = 0; i < sorted.size();) {
    const double score = sorted[i].score;
    for (; i < sorted.size() && sorted[i].score == score; ++i) {
      (sorted[i].target ? rejected_targets : rejected_others) += weight(sorted[i]);
    }
    points.push_back({rejected_targets / targets, 1 - rejected_others / others});
  }
  return points;
}

double equal_error_rate_of(std::span<const OperatingPoint> points) {
  for (size_t i = 1; i < points.size(); ++i) {
    const auto [miss, alarm] = points[i - 1];
    const auto [next_miss, next_alarm] = points[i];
    if (next_miss < next_alarm) continue;
    const double gap = alarm - miss, next_gap = next_alarm - next_miss;
    return miss + (next_miss - miss) * gap / (gap - next_gap);
  }
  return 0.5;
}

double min_detection_cost_of(std::span<const OperatingPoint> points, DetectionCost cost) {
  const double miss_cost = cost.c_miss * cost.p_target;
  const double alarm_cost = cost.c_false_alarm * (1 - cost.p_target);
  double least = std::min(miss_cost, alarm_cost);
  for (const auto& [miss, alarm] : points)
    least = std::min(least, miss_cost * miss + alarm_cost * alarm);
  return least / std::min(miss_cost, alarm_cost);
}

// `differences`: of the resamples.
PairedTest paired_test(double difference, std::vector<double> differences) {
  const auto not_above = std::ranges::count_if(differences, [](double d) { return d <= 0; });
  const auto not_below = std::ranges::count_if(differences, [](double d) { return d >= 0; });
  const auto rare = static_cast<double>(std::min(not_above, not_below) + 1);
  const double p = std::min(1.0, 2 * rare / static_cast<double>(differences.size() + 1));
  return {difference, percentile_interval(std::move(differences)), p};
}

double hit_rate_of_draw(const ClipCounts& clips, std::span<const int32_t> times) {
  double hit = 0, total = 0;
  for (size_t i = 0; i < times.size(); ++i) {
    hit += times[i] * clips.hits[i];
    total += times[i] * clips.totals[i];
  }
  return total > 0 ? hit / total : 0;
}

}  // namespace

Interval percentile_interval(std::vector<double> values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  const auto at = [&](double share) {
    return values[static_cast<size_t>(std::lround(share * static_cast<double>(values.size() - 1)))];
  };
  return {at(0.025), at(0.975)};
}

std::vector<int32_t> draw_with_replacement(int64_t n, Rng& rng) {
  std::vector<int32_t> times(static_cast<size_t>(n), 0);
  for (int64_t i = 0; i < n; ++i) ++times[static_cast<size_t>(rng.below(n))];
  return times;
}

double hit_rate(std::span<const double> hits, std::span<const double> totals) {
  CONCERTINA_ASSERT(hits.size() == totals.size());
  const double total = std::accumulate(totals.begin(), totals.end(), 0.0);
  return total > 0 ? std::accumulate(hits.begin(), hits.end(), 0.0) / total : 0;
}

Interval bootstrap_hit_rate(std::span<const double> hits, std::span<const double> totals, Rng rng,
                            int32_t resamples) {
  CONCERTINA_ASSERT(hits.size() == totals.size());
  std::vector<double> rates;
  for (int32_t r = 0; r < resamples && !hits.empty(); ++r) {
    double hit = 0, total = 0;
    for (size_t i = 0; i < hits.size(); ++i) {
      const auto drawn = static_cast<size_t>(rng.below(static_cast<int64_t>(hits.size())));
      hit += hits[drawn];
      total += totals[drawn];
    }
    rates.push_back(total > 0 ? hit / total : 0);
  }
  return percentile_interval(std::move(rates));
}

double equal_error_rate(std::span<const VerificationTrial> trials) {
  return equal_error_rate_of(operating_points(by_score(trials), {}));
}

double min_detection_cost(std::span<const VerificationTrial> trials, DetectionCost cost) {
  return min_detection_cost_of(operating_points(by_score(trials), {}), cost);
}

VerificationIntervals bootstrap_verification(std::span<const VerificationTrial> trials,
                                             int64_t clips, Rng rng, int32_t resamples) {
  const std::vector<VerificationTrial> sorted = by_score(trials);
  std::vector<double> rates, costs;
  for (int32_t r = 0; r < resamples; ++r) {
    const auto points = operating_points(sorted, draw_with_replacement(clips, rng));
    rates.push_back(equal_error_rate_of(points));
    costs.push_back(min_detection_cost_of(points, {}));
  }
  return {percentile_interval(std::move(rates)), percentile_interval(std::move(costs))};
}

PairedTest paired_hit_rates(ClipCounts a, ClipCounts b, Rng rng, int32_t resamples) {
  CONCERTINA_ASSERT(a.hits.size() == b.hits.size());
  std::vector<double> differences;
  for (int32_t r = 0; r < resamples && !a.hits.empty(); ++r) {
    const auto times = draw_with_replacement(static_cast<int64_t>(a.hits.size()), rng);
    differences.push_back(hit_rate_of_draw(a, times) - hit_rate_of_draw(b, times));
  }
  return paired_test(hit_rate(a.hits, a.totals) - hit_rate(b.hits, b.totals),
                     std::move(differences));
}

PairedVerification paired_verification(std::span<const VerificationTrial> a,
                                       std::span<const VerificationTrial> b, int64_t clips, Rng rng,
                                       int32_t resamples) {
  CONCERTINA_ASSERT(a.size() == b.size());
  const std::vector<VerificationTrial> first = by_score(a), second = by_score(b);
  std::vector<double> rates, costs;
  for (int32_t r = 0; r < resamples; ++r) {
    const std::vector<int32_t> times = draw_with_replacement(clips, rng);
    const auto of_first = operating_points(first, times),
               of_second = operating_points(second, times);
    rates.push_back(equal_error_rate_of(of_first) - equal_error_rate_of(of_second));
    costs.push_back(min_detection_cost_of(of_first, {}) - min_detection_cost_of(of_second, {}));
  }
  return {paired_test(equal_error_rate(a) - equal_error_rate(b), std::move(rates)),
          paired_test(min_detection_cost(a) - min_detection_cost(b), std::move(costs))};
}

}  // namespace concertina
