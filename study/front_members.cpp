#include "study/front_members.h"

#include <algorithm>
#include <limits>

#include "study/pareto.h"
#include "study/queries.h"

namespace concertina {
namespace {

double squared_distance(const ObjectivePoint& a, const ObjectivePoint& b) {
  double sum = 0;
  for (size_t m = 0; m < a.size(); ++m) sum += (a[m] - b[m]) * (a[m] - b[m]);
  return sum;
}

std::vector<ObjectivePoint> points_of(std::span<const Trial> trials,
                                      std::span<const MetricInfo> metrics) {
  std::vector<ObjectivePoint> points;
  for (const Trial& trial : trials) points.push_back(objective_point(trial.values, metrics));
  return points;
}

// Scales every coordinate to [0, 1].
void normalise(std::vector<ObjectivePoint>& points) {
  for (size_t m = 0; m < points[0].size(); ++m) {
    const auto [low, high] = std::minmax_element(
        points.begin(), points.end(), [m](const auto& a, const auto& b) { return a[m] < b[m]; });
    const double base = (*low)[m], range = (*high)[m] - base;
    for (ObjectivePoint& p : points) p[m] = range > 0 ? (p[m] - base) / range : 0;
  }
}

// Farthest-point sampling after the best of every objective.
std::vector<size_t> spread(const std::vector<ObjectivePoint>& points, int64_t keep) {
  std::vector<size_t> chosen;
  std::vector<double> nearest(points.size(), std::numeric_limits<double>::infinity());
  const auto choose = [&](size_t i) {
    if (static_cast<int64_t>(chosen.size()) >= keep || nearest[i] == 0) return;
    chosen.push_back(i);
    for (size_t j = 0; j < points.size(); ++j)
      nearest[j] = std::min(nearest[j], squared_distance(points[i], points[j]));
  };
  for (size_t m = 0; m < points[0].size(); ++m) {
    const auto best = std::min_element(points.begin(), points.end(),
                                       [m](const auto& a, const auto& b) { return a[m] < b[m]; });
    choose(static_cast<size_t>(best - points.begin()));
  }
  while (static_cast<int64_t>(chosen.size()) < keep) {
    const auto far = std::max_element(nearest.begin(), nearest.end());
    if (*far == 0) break;  // only copies are left
    choose(static_cast<size_t>(far - nearest.begin()));
  }
  return chosen;
}

}  // namespace

const Trial& knee_of(const StudyHeader& header, std::span<const Trial> front) {
  return front[static_cast<size_t>(knee_point(points_of(front, header.objectives)))];
}

std::vector<Architecture> spread_front(const StudyFile& study, int64_t keep) {
  const StudyHeader header = study.header();
  const std::vector<Trial> front = front_trials(complete_trials(study), header.objectives);
  std::vector<ObjectivePoint> points = points_of(front, header.objectives);
  normalise(points);
  std::vector<Architecture> kept;
  for (const size_t i : spread(points, keep)) kept.push_back(front[i].architecture);
  return kept;
}

std::vector<Architecture> named_members(const StudyFile& study, int64_t keep,
                                        std::span<const Budget> budgets) {
  std::vector<Architecture> members = spread_front(study, keep);
  const auto add = [&members](const Architecture& architecture) {
    if (std::ranges::find(members, architecture) == members.end()) members.push_back(architecture);
  };
  const StudyHeader header = study.header();
  const FrontResults results = front_results(study);
  const std::vector<Trial> trials = scored_trials(study);
  const std::vector<Trial> front = within_budgets(header, results, trials, {}).fitting;
  add(front.front().architecture);
  add(knee_of(header, front).architecture);
  const std::vector<std::string> known = metric_columns(header, trials);
  for (const Budget& budget : budgets) {
    if (std::ranges::find(known, budget.metric) == known.end()) continue;  // no trial has it
    const BudgetAnswer answer = within_budgets(header, results, trials, {&budget, 1});
    add(answer.fitting.empty() ? answer.nearest->architecture
                               : answer.fitting.front().architecture);
  }
  return members;
}

}  // namespace concertina
