#include "pipeline/runner.h"

#include <algorithm>
#include <chrono>

#include "core/errors.h"
#include "core/files.h"
#include "core/format.h"
#include "core/log.h"
#include "pipeline/stamps.h"

namespace concertina {
namespace {

void check_names(std::span<const std::string> only, std::span<const Stage> stages) {
  std::vector<std::string> known;
  for (const Stage& stage : stages) known.push_back(stage.name);
  for (const std::string& name : only) {
    if (std::ranges::count(known, name) == 0)
      throw InputError("--stages: unknown stage '" + name + "'" + did_you_mean(name, known));
  }
}

void run_stage(const Stage& stage, const Stamps& stamps, const Workspace& workspace,
               const RunContext& context) {
  if (stamps.is_up_to_date(stage)) {
    log_info("{}: unchanged, skipped", stage.name);
    return;
  }
  const bool resumes = stamps.is_started(stage);
  if (stage.prepare) stage.prepare();
  for (const std::filesystem::path& output : stage.outputs) remove_abandoned(output);
  stamps.set_started(stage);
  log_info("{}: {}", stage.name, resumes ? "resuming" : "started");
  const auto start = std::chrono::steady_clock::now();
  stage.run(context);
  context.stop.throw_if_interrupted("state saved in " + workspace.out.string());
  stamps.set_done(stage);
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  log_info("{}: done in {}", stage.name, format_seconds(wall.count()));
}

}  // namespace

bool is_selected(const Stage& stage, std::span<const std::string> only) {
  return only.empty() || std::ranges::count(only, stage.name) > 0;
}

std::vector<PlannedStage> plan_stages(std::span<const Stage> stages, const Workspace& workspace,
                                      std::span<const std::string> only) {
  check_names(only, stages);
  Stamps stamps(workspace.stamps());
  std::vector<PlannedStage> plan;
  for (const Stage& stage : stages) {
    const std::string& hash = stamps.add(stage);
    if (is_selected(stage, only)) plan.push_back({stage.name, hash, stamps.is_up_to_date(stage)});
  }
  return plan;
}

void run_stages(std::span<const Stage> stages, const Workspace& workspace,
                const RunRequest& request, const RunContext& context) {
  check_names(request.only, stages);
  Stamps stamps(workspace.stamps());
  make_directories(workspace.out);
  std::error_code none;
  if (!std::filesystem::equivalent(request.pipeline_file, workspace.config(), none))
    write_atomically(workspace.config(), request.effective_config);
  for (const Stage& stage : stages) {
    stamps.add(stage);
    if (is_selected(stage, request.only)) run_stage(stage, stamps, workspace, context);
  }
}

}  // namespace concertina
