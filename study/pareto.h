// Non-dominated sorting, crowding and the knee of a front.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "study/metric.h"
#include "study/trial.h"

namespace concertina {

// A point to minimise in every coordinate; see objective_point().
using ObjectivePoint = std::vector<double>;

bool dominates(const ObjectivePoint& a, const ObjectivePoint& b);
// Front number of each point, 0 = non-dominated (fast non-dominated sort, Deb et al. 2002).
// O(n^2) time and memory.
std::vector<int32_t> non_dominated_sort(std::span<const ObjectivePoint> points);
// Crowding distance of each member of one front (Deb et al. 2002).
std::vector<double> crowding_distance(std::span<const ObjectivePoint> front);
// Index of the knee: the point farthest from the plane through the extremes, on axes scaled to
// [0, 1]. -1 when empty.
int64_t knee_point(std::span<const ObjectivePoint> front);

// Values of the metrics, negated where the metric is maximised. All metrics must be present.
ObjectivePoint objective_point(const std::map<std::string, double>& values,
                               std::span<const MetricInfo> metrics);
// Indices of the complete trials that are non-dominated, one per architecture, ordered by the first
// metric. O(n log n) for up to 3 metrics.
std::vector<int64_t> pareto_front(std::span<const Trial> trials,
                                  std::span<const MetricInfo> metrics);
// The same as trials.
std::vector<Trial> front_trials(std::span<const Trial> trials, std::span<const MetricInfo> metrics);

}  // namespace concertina
