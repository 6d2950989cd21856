// What the search and the scoring of its front both read, loaded once.
#pragma once

#include <memory>
#include <string>

#include "pipeline/stages.h"
#include "eval/distill_score.h"
#include "speech/manifest.h"
#include "supernet/model/supernet.h"

namespace concertina {

struct SearchInputs {
  PipelineConfig config;
  Workspace space;
  std::shared_ptr<const Supernet> supernet;
  std::shared_ptr<const Manifest> manifest;

  bool wants(const std::string& metric) const;  // as an objective or recorded
};

// Null when no metric asks for it.
std::shared_ptr<const DistillScore> distill_score(const SearchInputs& inputs, Split split);

}  // namespace concertina
