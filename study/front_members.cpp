#include "study/front_members.h"

#include <algorithm>

#include "search/run_study.h"

namespace concertina {

const Trial& knee_of(const StudyHeader& header, std::span<const Trial> front) {
  std::vector<ObjectivePoint> points;
  for (const Trial& trial : front)
    points.push_back(objective_point(trial.values, header.objectives));
  return front[static_cast<size_t>(knee_point(points))];
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
    if (std::ranges::find(known, budget.metric) == known.end()) continue;  // nothing answers it
    const BudgetAnswer answer = within_budgets(header, results, trials, {&budget, 1});
    add(answer.fitting.empty() ? answer.nearest->architecture
                               : answer.fitting.front().architecture);
  }
  return members;
}

}  // namespace concertina
