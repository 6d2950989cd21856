#include "study/queries.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "core/errors.h"
#include "study/pareto.h"

namespace concertina {
namespace {

// A budget as "sign * value <= sign * limit": excess > 0 misses it.
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
    const double limit =
        budget.time ? results.time_terms(*budget.time).predicted_limit(budget.limit) : budget.limit;
    limits.push_back({budget.metric, sign, limit});
  }
  return limits;
}

double worst_excess(const Trial& trial, std::span<const Limit> limits) {
  double worst = -std::numeric_limits<double>::infinity();
  for (const Limit& limit : limits) worst = std::max(worst, limit.excess(trial));
  return worst;
}

}  // namespace

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

std::vector<Trial> complete_trials(const StudyFile& study) {
  std::vector<Trial> trials = study.trials();
  std::erase_if(trials, [](const Trial& t) { return t.state != TrialState::kComplete; });
  if (trials.empty()) throw NoAnswer("the study has no complete trial yet");
  return trials;
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
  BudgetAnswer answer{front_trials(meeting, header.objectives), std::nullopt};
  if (answer.fitting.empty()) {
    answer.nearest =
        *std::min_element(trials.begin(), trials.end(), [&](const Trial& a, const Trial& b) {
          return worst_excess(a, limits) < worst_excess(b, limits);
        });
  }
  return answer;
}

}  // namespace concertina
