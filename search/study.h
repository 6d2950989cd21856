// The study loop: ask, evaluate in parallel, tell, commit; and what people ask of a study afterwards.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/stop.h"
#include "db/study_file.h"
#include "search/evaluator.h"
#include "search/pareto.h"
#include "search/searcher.h"

namespace concertina {

struct StudyOptions {
  int64_t trials = 200;
};

struct StudyProgress {
  int64_t done = 0, total = 0;
  double hypervolume = 0;
  int64_t front_size = 0;
};

struct StudyReport {
  int64_t trials = 0;
  int64_t failed = 0;
  bool stopped = false;  // a stop was asked for; everything committed so far can be resumed
};

// Goes on from the study's last committed generation. Trials of an interrupted generation are run again.
StudyReport run_study(const SearchSpace& space, Searcher& searcher, const Evaluator& evaluator, Executor& executor,
                      StudyFile& study, const StudyOptions& options, const StopToken& stop,
                      const std::function<void(const StudyProgress&)>& progress = {});

// Members of the front of `objectives` within all budgets; the best by the first objective comes first.
// `front_only` false looks at all complete trials.
struct BudgetAnswer {
  std::vector<Trial> fitting;
  std::optional<Trial> nearest;  // when nothing fits: the trial that misses by the least relative excess
};
BudgetAnswer within_budgets(const StudyFile& study, std::span<const Budget> budgets);

// At most `keep` members of the front, spread evenly along it, extremes first; for scoring on test.
std::vector<Architecture> spread_front(const StudyFile& study, int64_t keep);

}  // namespace concertina
