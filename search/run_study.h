// The study loop: ask, evaluate in parallel, tell, commit; and what people ask of a study
// afterwards.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/stop.h"
#include "study/study_file.h"
#include "search/evaluator.h"
#include "study/front_results.h"
#include "study/pareto.h"
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

// Adds what is known beyond the search to complete trials: scores on test as "test.NAME", fresh
// times as latency.p50_ms.
void add_results(const FrontResults& results, std::span<Trial> trials);
// Complete trials by number, with the scores of the final front. NoAnswer when there is none.
std::vector<Trial> scored_trials(const StudyFile& study);

// Against what hypervolume is measured: for each objective a tenth beyond the worse of its bounds.
// Empty while the study has no bounds.
std::vector<std::pair<std::string, double>> reference_point(const StudyHeader& header);

// Which side of the limit a budget allows: its own bound or, when it gives none, the better side of
// its metric. InputError when neither says it.
Bound bound_of(const StudyHeader& header, const Budget& budget);

// The columns of a table of trials: objectives, recorded metrics, then what else any of the trials
// has ("test.sid.acc").
std::vector<std::string> metric_columns(const StudyHeader& header, std::span<const Trial> trials);

// The front (by the study's objectives) of the trials that meet all budgets; the best by the first
// objective comes first. Trials are scored_trials(), so budgets on test scores look at the final
// front alone.
struct BudgetAnswer {
  std::vector<Trial> fitting;
  std::optional<Trial>
      nearest;  // when nothing fits: the trial that misses by the least relative excess
};
// InputError for a metric the study does not have (names the nearest) or whose better side nobody
// knows (see bound_of); NoAnswer when it has no complete trial.
BudgetAnswer within_budgets(const StudyHeader& header, const FrontResults& results,
                            std::span<const Trial> trials, std::span<const Budget> budgets);
// Reads the study once; for several questions read scored_trials() and ask them.
BudgetAnswer within_budgets(const StudyFile& study, std::span<const Budget> budgets);

// At most `keep` members of the front, spread evenly along it, extremes first; for scoring on test.
std::vector<Architecture> spread_front(const StudyFile& study, int64_t keep);

}  // namespace concertina
