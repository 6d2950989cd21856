// How a pipeline comes by its study: what makes it this study and no other (StudyHeader), and what
// happens to one in the workspace that is another.
#pragma once

#include <string>
#include <vector>

#include "db/study_file.h"
#include "eval/distill_score.h"
#include "eval/tasks.h"
#include "pipeline/pipeline_config.h"
#include "pipeline/workspace.h"
#include "search/latency_model.h"
#include "search/searcher.h"
#include "supernet/model/supernet.h"

namespace concertina {

// What a search scores: its objectives and the metrics it records with them.
std::vector<std::string> searched_metrics(const SearchConfig& search);
SearcherOptions searcher_options(const PipelineConfig& config,
                                 const std::vector<MetricInfo>& objectives);
bool is_searched(const SearchConfig& search, const std::string& metric);
// A subset of the configured tasks: those that some metric needs and the corpus has data for.
TaskOptions tasks_for(const PipelineConfig& config, const Manifest& manifest,
                      const std::vector<std::string>& metrics, Split split);
DistillScoreOptions distill_score_options(const PipelineConfig& config);
// Of sizes, of distill.l1 where it is searched, of these tasks' metrics, and of latency.pred_ms where
// a model is given.
Fingerprints score_fingerprints(const PipelineConfig& config, const Workspace& workspace,
                                const Manifest& manifest, const TaskOptions& tasks,
                                const LatencyModel* latency);
// The same with the tasks that the search scores on dev.
Fingerprints search_fingerprints(const PipelineConfig& config, const Workspace& workspace,
                                 const Manifest& manifest, const LatencyModel* latency);

// The workspace's study, created when there is none. InputError when the one there is another
// (study_differences), with all that differs.
StudyFile open_or_create_study(const PipelineConfig& config, const Workspace& workspace,
                               const Supernet& supernet, const Manifest& manifest);
// A study is hours of work: another one is kept as study-N.db, with a warning that lists what
// differs, so that this pipeline's can be created. Does nothing when there is none.
void set_aside_other_study(const PipelineConfig& config, const Workspace& workspace);
std::string versions_json();  // of the program, LibTorch and the compiler

}  // namespace concertina
