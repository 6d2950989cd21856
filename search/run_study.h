// The study loop: ask, evaluate in parallel, tell, commit.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "core/stop.h"
#include "search/evaluator.h"
#include "search/executor.h"
#include "search/searcher.h"
#include "study/study_file.h"
#include "supernet/space/search_space.h"

namespace concertina {

struct StudyOptions {
  int64_t trials = 200;
  std::string fidelity = "full";  // recorded with new trials: see Trial::fidelity
};

struct StudyProgress {
  int64_t done = 0, total = 0;
  double hypervolume = 0;
  int64_t front_size = 0;
};

struct StudyReport {
  int64_t trials = 0;
  int64_t failed = 0;
  bool stopped = false;  // by a stop request; everything committed so far can be resumed
};

// Continues after the trials that the study holds. Each trial is written as it ends, and a
// generation is told to the searcher once it is complete, in ask order: a study that was stopped
// anywhere, or extended, ends like one that ran without interruption. A subnet that cannot be
// scored, or whose objectives are missing or not finite, is a failed trial; NumericError when all
// trials of the study failed, and then nothing of the generation is kept. InputError when it is
// another study (study/same_study.h). The settings of the search and the fingerprint of each metric
// are recorded before the first trial.
StudyReport run_study(const SearchSpace& space, Searcher& searcher, const Evaluator& evaluator,
                      Executor& executor, StudyFile& study, const StudyOptions& options,
                      const StopToken& stop,
                      const std::function<void(const StudyProgress&)>& progress = {});

}  // namespace concertina
