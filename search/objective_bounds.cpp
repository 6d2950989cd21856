#include "search/objective_bounds.h"

#include <algorithm>
#include <optional>

namespace concertina {
namespace {

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

// Of two values in any order; an empty range would divide by zero.
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

}  // namespace concertina
