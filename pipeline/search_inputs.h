// What the search and the scoring of its front both read, loaded once.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "eval/distill_score.h"
#include "eval/teacher_score.h"
#include "pipeline/pipeline_config.h"
#include "pipeline/workspace.h"
#include "speech/manifest.h"
#include "supernet/model/supernet.h"

namespace concertina {

struct SearchInputs {
  PipelineConfig config;
  Workspace workspace;
  std::shared_ptr<const Supernet> supernet;
  std::shared_ptr<const Manifest> manifest;

  static SearchInputs load(const PipelineConfig& config, const Workspace& workspace);
};

// Null when the search does not ask for it.
std::shared_ptr<const DistillScore> distill_score(const SearchInputs& inputs, Split split);
// Null where none of the metrics is one of kTeacherMetrics.
std::shared_ptr<const TeacherScore> teacher_score(const SearchInputs& inputs,
                                                  const std::vector<std::string>& metrics,
                                                  Split split, const StopToken& stop);

}  // namespace concertina
