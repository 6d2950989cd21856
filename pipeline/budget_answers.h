// Selects the subnets of a study that fit budgets.
#pragma once

#include <span>
#include <vector>

#include "study/budget.h"
#include "study/front_results.h"
#include "study/study_file.h"

namespace concertina {

// The front within the budgets, best first. NoAnswer when none fits, with the nearest subnet, or
// when a budget needs measured latencies and the study has none, with the command that makes them.
std::vector<Trial> all_within(const StudyFile& study, const std::vector<Budget>& budgets);
Trial best_within(const StudyFile& study, const std::vector<Budget>& budgets);

// The best subnet within one budget, or the nearest to it.
struct BudgetChoice {
  Budget budget;
  bool fits = false;
  Architecture architecture;
};
// The subnet of the first budget, or the best of all without any. NoAnswer when the study has no
// complete trial.
BudgetChoice choose_subnet(const StudyFile& study, std::span<const Budget> budgets);

// What a study answers at the end of a run.
struct FrontAnswer {
  StudyHeader header;
  FrontResults results;
  std::vector<Trial> front;           // best first
  std::vector<BudgetChoice> choices;  // one per budget
};
FrontAnswer front_answer(const StudyFile& study, std::span<const Budget> budgets);

}  // namespace concertina
