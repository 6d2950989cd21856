#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "core/errors.h"
#include "search/run_study.h"

namespace concertina {
namespace {

std::vector<Trial> complete_trials(const StudyFile& study) {
  std::vector<Trial> trials = study.trials();
  std::erase_if(trials, [](const Trial& t) { return t.state != TrialState::kComplete; });
  if (trials.empty()) throw NoAnswer("the study has no complete trial yet");
  return trials;
}

// What a budget measures against, in the sense "at most": excess > 0 misses it.
struct Limit {
  std::string metric;
  double sign = 1;  // -1: at least
  double limit = 0;

  double excess(const Trial& trial) const {
    const auto found = trial.values.find(metric);
    if (found == trial.values.end() || std::isnan(found->second))
      return std::numeric_limits<double>::infinity();
    return sign * (found->second - limit) / std::max(std::abs(limit), 1e-12);
  }
};

std::vector<Limit> limits_of(const StudyHeader& header, const FrontResults& results,
                             std::span<const Trial> trials, std::span<const Budget> budgets) {
  const std::vector<std::string> names = metric_columns(header, trials);
  std::vector<Limit> limits;
  for (const Budget& budget : budgets) {
    if (std::find(names.begin(), names.end(), budget.metric) == names.end()) {
      throw InputError(fmt::format("the study has no metric '{}'{}: it has {}", budget.metric,
                                   did_you_mean(budget.metric, names), fmt::join(names, ", ")));
    }
    const double sign = bound_of(header, budget) == Bound::kAtMost ? 1.0 : -1.0;
    const double limit = budget.time
                             ? results.time_terms(*budget.time).predicted_limit(budget.limit)
                             : budget.limit;
    limits.push_back({budget.metric, sign, limit});
  }
  return limits;
}

double worst_excess(const Trial& trial, std::span<const Limit> limits) {
  double worst = -std::numeric_limits<double>::infinity();
  for (const Limit& limit : limits) worst = std::max(worst, limit.excess(trial));
  return worst;
}

double squared_distance(const ObjectivePoint& a, const ObjectivePoint& b) {
  double sum = 0;
  for (size_t m = 0; m < a.size(); ++m) sum += (a[m] - b[m]) * (a[m] - b[m]);
  return sum;
}

std::vector<ObjectivePoint> scaled_points(std::span<const Trial> trials,
                                          std::span<const int64_t> members,
                                          std::span<const MetricInfo> metrics) {
  std::vector<ObjectivePoint> points;
  for (const int64_t i : members)
    points.push_back(objective_point(trials[static_cast<size_t>(i)].values, metrics));
  for (size_t m = 0; m < metrics.size(); ++m) {
    const auto [low, high] = std::minmax_element(
        points.begin(), points.end(), [m](const auto& a, const auto& b) { return a[m] < b[m]; });
    const double base = (*low)[m], range = (*high)[m] - base;
    for (ObjectivePoint& p : points) p[m] = range > 0 ? (p[m] - base) / range : 0;
  }
  return points;
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

Bound bound_of(const StudyHeader& header, const Budget& budget) {
  if (budget.bound) return *budget.bound;
  const auto metric = metric_info(header, budget.metric);
  if (!metric) {
    throw InputError(
        fmt::format("nothing says whether a low or a high '{0}' is better: write "
                    "{0}<=LIMIT or {0}>=LIMIT",
                    budget.metric));
  }
  return metric->direction == Direction::kMinimise ? Bound::kAtMost : Bound::kAtLeast;
}

std::vector<std::string> metric_columns(const StudyHeader& header, std::span<const Trial> trials) {
  std::vector<std::string> names;
  std::set<std::string> seen;
  const auto add = [&](const std::string& name) {
    if (seen.insert(name).second) names.push_back(name);
  };
  for (const auto* metrics : {&header.objectives, &header.recorded})
    for (const MetricInfo& metric : *metrics) add(metric.name);
  std::set<std::string> others;
  for (const Trial& trial : trials)
    for (const auto& [name, value] : trial.values) others.insert(name);
  std::ranges::for_each(others, add);
  return names;
}

void add_results(const FrontResults& results, std::span<Trial> trials) {
  if (results.test.empty() && results.times.empty()) return;
  for (Trial& trial : trials) {
    if (trial.state != TrialState::kComplete) continue;
    if (const auto scored = results.test.find(trial.architecture); scored != results.test.end()) {
      for (const auto& [name, score] : scored->second) {
        const Metric* metric = find_metric(name);
        const bool of_split = metric == nullptr || metric->scored_on == ScoredOn::kClips;
        if (of_split) trial.values.emplace("test." + name, score.value);
      }
    }
    if (const auto timed = results.times.find(trial.architecture); timed != results.times.end())
      trial.values.emplace("latency.p50_ms", timed->second.time.p50_ms);
  }
}

std::vector<Trial> scored_trials(const StudyFile& study) {
  std::vector<Trial> trials = complete_trials(study);
  add_results(front_results(study), trials);
  return trials;
}

BudgetAnswer within_budgets(const StudyFile& study, std::span<const Budget> budgets) {
  const FrontResults results = front_results(study);
  std::vector<Trial> trials = complete_trials(study);
  add_results(results, trials);
  return within_budgets(study.header(), results, trials, budgets);
}

BudgetAnswer within_budgets(const StudyHeader& header, const FrontResults& results,
                            std::span<const Trial> trials, std::span<const Budget> budgets) {
  const std::vector<Limit> limits = limits_of(header, results, trials, budgets);
  std::vector<Trial> meeting;
  for (const Trial& trial : trials)
    if (worst_excess(trial, limits) <= 0) meeting.push_back(trial);
  BudgetAnswer answer;
  for (const int64_t i : pareto_front(meeting, header.objectives))
    answer.fitting.push_back(meeting[static_cast<size_t>(i)]);
  if (answer.fitting.empty()) {
    answer.nearest =
        *std::min_element(trials.begin(), trials.end(), [&](const Trial& a, const Trial& b) {
          return worst_excess(a, limits) < worst_excess(b, limits);
        });
  }
  return answer;
}

std::vector<Architecture> spread_front(const StudyFile& study, int64_t keep) {
  const StudyHeader header = study.header();
  const std::vector<Trial> trials = complete_trials(study);
  const std::vector<int64_t> front = pareto_front(trials, header.objectives);
  std::vector<Architecture> kept;
  for (const size_t i : spread(scaled_points(trials, front, header.objectives), keep)) {
    kept.push_back(trials[static_cast<size_t>(front[i])].architecture);
  }
  return kept;
}

}  // namespace concertina
