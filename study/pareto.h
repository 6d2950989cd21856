// Non-dominated sorting, crowding, hypervolume and budget queries over plain points.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "study/trial.h"

namespace concertina {

// A point to minimise in every coordinate; see objective_point().
using ObjectivePoint = std::vector<double>;

bool dominates(const ObjectivePoint& a, const ObjectivePoint& b);
// Front number of each point, 0 = non-dominated (fast non-dominated sort, Deb et al. 2002).
std::vector<int32_t> non_dominated_sort(std::span<const ObjectivePoint> points);
// Crowding distance of each member of one front (Deb et al. 2002).
std::vector<double> crowding_distance(std::span<const ObjectivePoint> front);
// Exact dominated hypervolume against `reference` (each point must be below it to count), by
// slicing: any number of objectives, O(n log n) for 2 and 3, O(n^2 log n) for 4.
double hypervolume(std::vector<ObjectivePoint> points, const ObjectivePoint& reference);
// Index of the knee: the point farthest from the line between the extremes, on normalised axes. -1
// when empty.
int64_t knee_point(std::span<const ObjectivePoint> front);

// Values of the metrics in minimise direction. A missing metric is a bug.
ObjectivePoint objective_point(const std::map<std::string, double>& values,
                               std::span<const MetricInfo> metrics);
// Indices of the complete trials that nobody dominates, one per architecture, ordered by the first
// metric. O(n log n) for up to 3 metrics.
std::vector<int64_t> pareto_front(std::span<const Trial> trials,
                                  std::span<const MetricInfo> metrics);

enum class Bound { kAtMost, kAtLeast };

// Makes a limit on latency.pred_ms one on the time itself: FrontResults::time_terms().
struct TimeLimit {
  std::optional<double> margin;  // 0.1: the prediction stays 10 % below; absent: the model's own
};

struct Budget {
  std::string metric;  // "params"; "test.sid.acc" for a score of the final front
  double limit = 0;
  // When absent, the metric's direction says: accuracies need at least `limit`.
  std::optional<Bound> bound = std::nullopt;
  std::optional<TimeLimit> time = std::nullopt;  // of latency.pred_ms only
};

// At most `ms` of time, going by the prediction.
inline Budget time_budget(double ms, std::optional<double> margin = std::nullopt) {
  return {"latency.pred_ms", ms, Bound::kAtMost, TimeLimit{margin}};
}

}  // namespace concertina
