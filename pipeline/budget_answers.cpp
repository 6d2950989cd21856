#include "pipeline/budget_answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/errors.h"
#include "pipeline/front_text.h"
#include "study/queries.h"

namespace concertina {
namespace {

template <class Text>
std::string listed(const std::vector<Budget>& budgets, const Text& text) {
  std::string list;
  for (const Budget& budget : budgets) list += (list.empty() ? "" : ", ") + text(budget);
  return list;
}

// A trial's value of each budget's metric; a prediction as the time limit it satisfies.
std::string values_of(const Trial& trial, const std::vector<Budget>& budgets,
                      const FrontResults& results) {
  return listed(budgets, [&](const Budget& budget) {
    const auto found = trial.values.find(budget.metric);
    if (found == trial.values.end()) return "no " + budget.metric;
    const double counted = budget.time
                               ? found->second / results.time_terms(*budget.time).predicted_limit(1)
                               : found->second;
    return describe(Budget{budget.metric, counted, std::nullopt, budget.time});
  });
}

}  // namespace

Trial best_within(const StudyFile& study, const std::vector<Budget>& budgets) {
  return all_within(study, budgets).front();
}

std::vector<Trial> all_within(const StudyFile& study, const std::vector<Budget>& budgets) {
  const bool needs_times = std::ranges::count(budgets, "latency.p50_ms", &Budget::metric) > 0;
  if (needs_times && study.fresh_times().empty()) {
    throw NoAnswer(
        "no subnet of the study has a latency measured after the search: `concertina search CONFIG "
        "--out FOLDER --resume` "
        "makes them");
  }
  BudgetAnswer answer = within_budgets(study, budgets);
  if (!answer.fitting.empty()) return std::move(answer.fitting);
  throw NoAnswer(fmt::format("no subnet fits {}; the nearest has {}: {}",
                             listed(budgets, [](const Budget& b) { return describe(b); }),
                             values_of(*answer.nearest, budgets, front_results(study)),
                             answer.nearest->architecture.key()));
}

BudgetChoice choose_subnet(const StudyFile& study, std::span<const Budget> budgets) {
  const std::span<const Budget> first = budgets.first(std::min<size_t>(1, budgets.size()));
  const BudgetAnswer answer = within_budgets(study, first);
  const Budget budget = first.empty() ? Budget{} : first.front();
  if (!answer.fitting.empty()) return {budget, true, answer.fitting.front().architecture};
  if (!answer.nearest)
    throw NoAnswer("the study has no complete trial, so no subnet can be chosen");
  return {budget, false, answer.nearest->architecture};
}

FrontAnswer front_answer(const StudyFile& study, std::span<const Budget> budgets) {
  FrontAnswer answer{study.header(), front_results(study), {}, {}};
  const std::vector<Trial> trials = scored_trials(study);
  answer.front = within_budgets(answer.header, answer.results, trials, {}).fitting;
  for (const Budget& budget : budgets) {
    const BudgetAnswer found =
        within_budgets(answer.header, answer.results, trials, std::span(&budget, 1));
    const bool fits = !found.fitting.empty();
    const Trial& trial = fits ? found.fitting.front() : *found.nearest;
    answer.choices.push_back({budget, fits, trial.architecture});
  }
  return answer;
}

}  // namespace concertina
