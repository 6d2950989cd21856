// Runs the stages of a pipeline in order. A stage that is up to date is skipped, one that was
// interrupted resumes, one whose settings or inputs changed runs again; what a training stage does with
// its earlier run is said by its flags (pipeline/stages.h).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "pipeline/stage.h"
#include "pipeline/workspace.h"

namespace concertina {

struct PlannedStage {
  std::string name, hash;
  bool up_to_date = false;
};

// Whether `only` names this stage; it names all when it is empty.
bool is_selected(const Stage& stage, std::span<const std::string> only);

// What run_stages() would do; writes nothing. InputError when `only` names an unknown stage.
std::vector<PlannedStage> plan_stages(std::span<const Stage> stages, const Workspace& workspace,
                                      std::span<const std::string> only);

// Inputs come before the stages that read them. Writes `effective_config` into the workspace first,
// unless `pipeline_file` is that very file. Exceptions of a stage are not caught; InputError as
// above; Interrupted when a stop was requested.
struct RunRequest {
  std::filesystem::path pipeline_file;
  std::string effective_config;
  std::vector<std::string> only;
};
void run_stages(std::span<const Stage> stages, const Workspace& workspace,
                const RunRequest& request, const RunContext& context);

}  // namespace concertina
