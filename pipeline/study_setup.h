// How the latency and search stages come by their study.
#pragma once

#include <string>
#include <vector>

#include "pipeline/stages.h"
#include "db/study_file.h"
#include "eval/distill_score.h"
#include "eval/tasks.h"
#include "search/latency_model.h"
#include "supernet/model/supernet.h"

namespace concertina {

// What a search scores: its objectives and what it records beside them.
std::vector<std::string> searched_metrics(const SearchConfig& search);
// A subset of the configured tasks: those that some metric asks for and the corpus has data for.
TaskOptions tasks_for(const PipelineConfig& config, const Manifest& manifest,
                      const std::vector<std::string>& metrics, Split split);
DistillScoreOptions distill_score_options(const PipelineConfig& config);
// Of the metrics that this search gives; of latency.pred_ms where a model is given.
Fingerprints search_fingerprints(const PipelineConfig& config, const Workspace& space,
                                 const Manifest& manifest, const LatencyModel* latency);

// The workspace's study, begun when there is none. InputError when the one there is another
// (search/same_study.h), with all that differs.
StudyFile open_or_begin_study(const PipelineConfig& config, const Workspace& space,
                              const Supernet& supernet, const Manifest& manifest);
// A study is hours of work: one that is another is kept as study-N.db, with a warning that lists
// what differs, so that a new one can be begun.
void set_aside_other_study(const PipelineConfig& config, const Workspace& space);
std::string versions_json();  // of the program, LibTorch and the compiler

}  // namespace concertina
