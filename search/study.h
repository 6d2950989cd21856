// The study loop: ask, evaluate in parallel, tell, commit; and what people ask of a study
// afterwards.
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

// Goes on from the trials that the study holds: each is written as it ends, and a generation is
// told to the searcher once it is whole, in ask order, so that a study that was stopped anywhere,
// or extended, ends as one that ran at once. A subnet that cannot be scored, or whose objectives
// are missing or not finite, is a failed trial; NumericError, and nothing of the generation is
// kept, when no trial of the study works. InputError when the study is another one
// (search/same_study.h). What the search was set to, and each metric's fingerprint, are recorded
// before the first trial.
StudyReport run_study(const SearchSpace& space, Searcher& searcher, const Evaluator& evaluator,
                      Executor& executor, StudyFile& study, const StudyOptions& options,
                      const StopToken& stop,
                      const std::function<void(const StudyProgress&)>& progress = {});

// Complete trials by number, with the final front's test scores merged in as "test.NAME" and
// measured latencies under their own name. NoAnswer when there is none.
std::vector<Trial> scored_trials(const StudyFile& study);

// The front (by the study's objectives) of the trials that meet all budgets; the best by the first
// objective comes first. Trials are scored_trials(), so budgets on test scores look at the final
// front alone.
struct BudgetAnswer {
  std::vector<Trial> fitting;
  std::optional<Trial>
      nearest;  // when nothing fits: the trial that misses by the least relative excess
};
// InputError for a metric the study does not have (names the nearest); NoAnswer when it has no
// complete trial.
BudgetAnswer within_budgets(const StudyFile& study, std::span<const Budget> budgets);

// At most `keep` members of the front, spread evenly along it, extremes first; for scoring on test.
std::vector<Architecture> spread_front(const StudyFile& study, int64_t keep);

}  // namespace concertina
