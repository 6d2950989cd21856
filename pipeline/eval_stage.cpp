#include "pipeline/eval_stage.h"

#include "core/files.h"
#include "core/log.h"
#include "core/mapped_file.h"
#include "pipeline/baselines.h"
#include "pipeline/corpus_stage.h"
#include "pipeline/pipeline.h"
#include "pipeline/score_table.h"
#include "pipeline/stage.h"
#include "supernet/model/model_file.h"
#include "supernet/nn/precision.h"

namespace concertina {
namespace {

struct Member {
  std::string name;
  Architecture architecture;
};

void score_baselines(const PipelineConfig& config, const Workspace& workspace,
                     const StopToken& stop) {
  const Manifest manifest = read_manifest(corpus_manifest(config));
  const Supernet teacher = load_model(workspace.teacher(), Reading::kCopied);
  const Supernet supernet = load_model(workspace.student(2), Reading::kCopied);
  BaselineTable table(manifest, config.tasks, Split::kTest, stop);
  if (table.tasks().names().empty())
    log_info("eval: no task can be scored on this corpus, so there are no scores");
  const at::ScalarType dtype = scalar_type(config.tasks.dtype);  // one for all columns
  table.add_subnet("teacher", teacher.slice(teacher.space().largest(), dtype));
  table.add_features("mfcc", mfcc_baseline_features());
  const Supernet untrained = randomly_initialised(supernet, supernet.space(), config.seed);
  const std::vector<Member> members = {{"largest", supernet.space().largest()},
                                       {"default", supernet.space().default_architecture()},
                                       {"smallest", supernet.space().smallest()}};
  for (const Member& member : members) {
    table.add_subnet(member.name, supernet.slice(member.architecture, dtype));
    table.add_subnet(member.name + " untrained", untrained.slice(member.architecture, dtype));
  }
  const Scores scores = table.scores(config.seed);
  write_atomically(workspace.scores(), to_json(scores));
  log_info("eval: scores on test in {}\n{}", workspace.scores().string(), score_text(scores));
}

}  // namespace

Stage make_eval_stage(const Pipeline& pipeline) {
  const PipelineConfig& config = pipeline.config;
  const Workspace& workspace = pipeline.workspace;
  return {
      .name = "eval",
      .settings = pipeline.section("tasks") + content_hash(config.tasks.data),
      .inputs = {"stage2"},
      .outputs = {workspace.scores()},
      .run = [&](const RunContext& context) { score_baselines(config, workspace, context.stop); }};
}

}  // namespace concertina
