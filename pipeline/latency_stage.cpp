#include "pipeline/latency_stage.h"

#include "pipeline/latency_profile.h"
#include "pipeline/pipeline.h"
#include "pipeline/stage.h"
#include "pipeline/study_setup.h"

namespace concertina {

Stage make_latency_stage(const Pipeline& pipeline) {
  const PipelineConfig& config = pipeline.config;
  const Workspace& workspace = pipeline.workspace;
  return {
      .name = "latency",
      .settings = pipeline.section("latency"),
      .inputs = {"stage2"},
      .outputs = {workspace.study()},
      .run = [&](const RunContext& context) { measure_latency(config, workspace, context.stop); },
      .prepare = [&] { set_aside_other_study(config, workspace); }};
}

}  // namespace concertina
