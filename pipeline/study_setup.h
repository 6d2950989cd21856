// The study of a pipeline: its StudyHeader, and what happens to a study of another pipeline in the
// workspace.
#pragma once

#include <string>
#include <vector>

#include "eval/distill_score.h"
#include "eval/tasks.h"
#include "eval/teacher_score.h"
#include "pipeline/pipeline_config.h"
#include "pipeline/workspace.h"
#include "search/searcher.h"
#include "study/latency/model.h"
#include "study/study_file.h"
#include "supernet/model/supernet.h"

namespace concertina {

// What a search scores: its objectives and the metrics it records with them.
std::vector<std::string> searched_metrics(const SearchConfig& search);
SearcherOptions searcher_options(const PipelineConfig& config,
                                 const std::vector<MetricInfo>& objectives);
bool is_searched(const SearchConfig& search, const std::string& metric);
// A subset of the configured tasks: those that some metric needs and the corpus has data for. On dev,
// which the search scores, at the search's fidelity.
TaskOptions tasks_for(const PipelineConfig& config, const Manifest& manifest,
                      const std::vector<std::string>& metrics, Split split);
// What the trials of such a search record: "full", or the share of each task's clips as "0.01".
std::string fidelity_name(const TaskOptions& searched);
DistillScoreOptions distill_score_options(const PipelineConfig& config);
TeacherScoreOptions teacher_score_options(const PipelineConfig& config);
// Of sizes, of distill.l1 where it is searched, of kTeacherMetrics where one is among `metrics`, of
// these tasks' metrics, and of latency.pred_ms where a model is given.
Fingerprints score_fingerprints(const PipelineConfig& config, const Workspace& workspace,
                                const Manifest& manifest, const std::vector<std::string>& metrics,
                                const TaskOptions& tasks, const LatencyModel* latency);
// The same with the tasks that the search scores on dev.
Fingerprints search_fingerprints(const PipelineConfig& config, const Workspace& workspace,
                                 const Manifest& manifest, const LatencyModel* latency);

// The workspace's study, created if it does not exist. InputError when it is another study, with
// all that study_differences() finds.
StudyFile open_or_create_study(const PipelineConfig& config, const Workspace& workspace,
                               const Supernet& supernet, const Manifest& manifest);
// Renames a study of another pipeline to study-N.db, with a warning that lists the differences, so
// that this pipeline's can be created. Does nothing if there is none.
void set_aside_other_study(const PipelineConfig& config, const Workspace& workspace);
std::string versions_json();  // of the program, LibTorch and the compiler

}  // namespace concertina
