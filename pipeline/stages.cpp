#include "pipeline/stages.h"

#include "pipeline/corpus_stage.h"
#include "pipeline/distill_stage.h"
#include "pipeline/eval_stage.h"
#include "pipeline/latency_stage.h"
#include "pipeline/pipeline.h"
#include "pipeline/report_stage.h"
#include "pipeline/search_stage.h"
#include "pipeline/sort_stage.h"
#include "pipeline/teacher_stage.h"

namespace concertina {

std::vector<Stage> pipeline_stages(const Pipeline& pipeline, const TrainingFlags& flags) {
  std::vector<Stage> stages = {make_corpus_stage(pipeline), make_teacher_stage(pipeline, flags),
                               make_distill_stage(pipeline, flags, 1)};
  if (pipeline.config.sort) stages.push_back(make_sort_stage(pipeline));
  stages.push_back(make_distill_stage(pipeline, flags, 2));
  stages.push_back(make_latency_stage(pipeline));
  stages.push_back(make_search_stage(pipeline));
  stages.push_back(make_eval_stage(pipeline));
  stages.push_back(make_report_stage(pipeline));
  return stages;
}

}  // namespace concertina
