// Questions to a study: its metrics, its trials with all scores, and the front within budgets.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "study/budget.h"
#include "study/front_results.h"
#include "study/study_file.h"

namespace concertina {

// The columns of a table of trials: objectives, recorded metrics, then all others that any of the
// trials has ("test.sid.acc").
std::vector<std::string> metric_columns(const StudyHeader& header, std::span<const Trial> trials);

// By number. NoAnswer when there is none.
std::vector<Trial> complete_trials(const StudyFile& study);
// The same with add_results().
std::vector<Trial> scored_trials(const StudyFile& study);

// The front (by the study's objectives) of the trials that meet all budgets; the best by the first
// objective comes first. Trials are scored_trials(), so that budgets on test scores consider the
// final front alone.
struct BudgetAnswer {
  std::vector<Trial> fitting;
  // When nothing fits: the trial with the least relative excess.
  std::optional<Trial> nearest;
};
// InputError for a metric that the study does not have (names the nearest) or whose better side is
// not known (see bound_of); NoAnswer when it has no complete trial.
BudgetAnswer within_budgets(const StudyHeader& header, const FrontResults& results,
                            std::span<const Trial> trials, std::span<const Budget> budgets);
// Reads the study once; for several questions read scored_trials() and ask them.
BudgetAnswer within_budgets(const StudyFile& study, std::span<const Budget> budgets);

}  // namespace concertina
