#include "search/front_tracker.h"

#include <algorithm>
#include <optional>

#include "core/errors.h"
#include "search/run_study.h"

namespace concertina {
namespace {

constexpr double kBeyond = 0.1;  // of the box, so that the extremes of a front count

std::optional<double> value_of(const Trial& trial, const std::string& metric) {
  const auto found = trial.values.find(metric);
  if (trial.state != TrialState::kComplete || found == trial.values.end()) return std::nullopt;
  return found->second;
}

std::optional<double> scored_value(std::span<const Trial> trials, const Architecture& architecture,
                                   const std::string& metric) {
  for (const Trial& trial : trials)
    if (trial.architecture == architecture) return value_of(trial, metric);
  return std::nullopt;
}

// Two values in any order; a box without a side would divide by zero.
ObjectiveBounds between(const std::string& metric, double a, double b) {
  const double low = std::min(a, b), high = std::max(a, b);
  return {metric, low, high > low ? high : low + 1};
}

std::optional<double> known_value(const std::map<std::string, double>& known,
                                  const std::string& metric) {
  const auto found = known.find(metric);
  return found == known.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

std::vector<ObjectiveBounds> spanned_bounds(const std::vector<MetricInfo>& objectives,
                                            std::span<const Trial> trials) {
  std::vector<ObjectiveBounds> bounds;
  for (const MetricInfo& objective : objectives) {
    std::vector<double> values;
    for (const Trial& trial : trials)
      if (const auto value = value_of(trial, objective.name)) values.push_back(*value);
    if (values.empty()) return {};
    bounds.push_back(between(objective.name, std::ranges::min(values), std::ranges::max(values)));
  }
  return bounds;
}

std::vector<ObjectiveBounds> fixed_bounds(const SearchSpace& space, const Evaluator& evaluator,
                                          const std::vector<MetricInfo>& objectives,
                                          std::span<const Trial> first_generation) {
  const Architecture smallest = space.smallest(), largest = space.largest();
  const auto small = evaluator.known_values(smallest), large = evaluator.known_values(largest);
  std::vector<ObjectiveBounds> bounds = spanned_bounds(objectives, first_generation);
  for (ObjectiveBounds& bound : bounds) {
    const Metric* metric = find_metric(bound.metric);
    if (metric != nullptr && metric->format == NumberFormat::kPercent) {
      bound = {bound.metric, 0, 100};
      continue;
    }
    auto a = known_value(small, bound.metric), b = known_value(large, bound.metric);
    if (!a || !b) {
      a = scored_value(first_generation, smallest, bound.metric);
      b = scored_value(first_generation, largest, bound.metric);
    }
    if (a && b) bound = between(bound.metric, *a, *b);
  }
  return bounds;
}

std::vector<std::pair<std::string, double>> reference_point(const StudyHeader& header) {
  std::vector<std::pair<std::string, double>> point;
  for (const ObjectiveBounds& bound : header.bounds) {
    const auto metric = metric_info(header, bound.metric);
    const double beyond = kBeyond * (bound.high - bound.low);
    const bool is_minimised = !metric || metric->direction == Direction::kMinimise;
    point.emplace_back(bound.metric, is_minimised ? bound.high + beyond : bound.low - beyond);
  }
  return point;
}

void FrontTracker::add(std::span<const Trial> trials) {
  front_.insert(front_.end(), trials.begin(), trials.end());
  std::vector<Trial> kept;
  for (const int64_t i : pareto_front(front_, objectives_))
    kept.push_back(front_[static_cast<size_t>(i)]);
  front_ = std::move(kept);
}

double FrontTracker::volume(const std::vector<ObjectiveBounds>& bounds) const {
  if (bounds.size() != objectives_.size()) return 0;
  std::vector<ObjectivePoint> points;
  for (const Trial& trial : front_) {
    ObjectivePoint point;
    for (size_t m = 0; m < bounds.size(); ++m) {
      const auto& [metric, low, high] = bounds[m];
      CONCERTINA_ASSERT(metric == objectives_[m].name);
      const double value = trial.values.at(metric);
      const bool is_minimised = objectives_[m].direction == Direction::kMinimise;
      point.push_back((is_minimised ? value - low : high - value) / (high - low));
    }
    points.push_back(std::move(point));
  }
  return hypervolume(std::move(points), ObjectivePoint(objectives_.size(), 1 + kBeyond));
}

}  // namespace concertina
