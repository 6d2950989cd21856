#include "pipeline/teacher_stage.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <optional>
#include <utility>

#include "core/errors.h"
#include "core/files.h"
#include "core/log.h"
#include "distill/objective/masked_units.h"
#include "distill/objective/objective_file.h"
#include "distill/pretrain/pretrain.h"
#include "pipeline/corpus_stage.h"
#include "pipeline/pipeline.h"
#include "pipeline/pretrained.h"
#include "pipeline/stage.h"
#include "pipeline/training.h"
#include "supernet/model/model_file.h"
#include "supernet/model/unit_head.h"
#include "supernet/space/search_space_config.h"

namespace concertina {
namespace {

// A teacher that was trained in the folder is only replaced if it may be set aside.
void copy_teacher(const Supernet& teacher, const Workspace& workspace, Existing existing) {
  const std::filesystem::path folder = workspace.teacher_dir();
  const bool trained = std::filesystem::exists(folder / "metrics.jsonl");
  if (trained && existing != Existing::kSetAside && existing != Existing::kResumeOrSetAside) {
    throw InputError(fmt::format(
        "{} holds a teacher that was trained there: give --fresh to set it aside, or another --out",
        folder.string()));
  }
  const auto alone = single_process_communicator();
  if (trained) StageFolder(folder, Existing::kSetAside, *alone).set_aside_if_due();
  make_directories(folder);
  save_model(teacher, workspace.teacher());
}

// None, and a warning, where it cannot be had.
std::optional<Supernet> fetched(const std::string& name, const Workspace& workspace,
                                const StopToken& stop) {
  try {
    return fetch_pretrained(pretrained_model(name), workspace.out, stop).model;
  } catch (const Error& error) {
    if (stop.stop_requested()) throw;
    log_warn("{}; a teacher is pretrained instead (teacher.pretrain)", error.what());
    return std::nullopt;
  }
}

// Whether there is one: rank 0 downloads it, and all ranks get the answer.
bool fetch_teacher(const std::string& name, const Workspace& workspace, Existing existing,
                   const StageContext& context) {
  at::Tensor there = at::zeros({1});
  context.communicator->run_on_rank_zero([&] {
    if (const std::optional<Supernet> teacher = fetched(name, workspace, context.stop)) {
      copy_teacher(*teacher, workspace, existing);
      there.fill_(1);
    }
  });
  context.communicator->all_reduce(there);
  return there.item<float>() > 0;
}

}  // namespace

void train_teacher(const PipelineConfig& config, const Workspace& workspace,
                   const RunContext& context, const TrainingFlags& flags) {
  if (!config.teacher_model.empty()) {
    if (context.launch.rank > 0) return;
    return copy_teacher(load_model(config.teacher_model), workspace, flags.existing);
  }
  PretrainOptions options = config.teacher;
  apply_cap(options.train, flags);
  TrainingProgress progress("teacher");
  const StageContext training =
      training_context(config.seed, context, flags, workspace.teacher_dir(), progress);
  const std::string& name = config.teacher_pretrained;
  if (!name.empty() && fetch_teacher(name, workspace, flags.existing, training)) return;
  const StageResult result =
      pretrain_teacher(options, config.space, read_manifest(corpus_manifest(config)), training);
  log_end("teacher", result, options.train);
}

Supernet load_teacher(const Workspace& workspace) {
  Supernet teacher = load_model(workspace.teacher(), Reading::kCopied);
  const std::filesystem::path path = workspace.teacher_objective();
  if (unit_count(teacher.weights()) > 0 || !std::filesystem::exists(path)) return teacher;
  const TrainedObjective trained = load_objective(path);
  const auto* units = dynamic_cast<const MaskedUnitsObjective*>(trained.objective.get());
  if (units == nullptr) return teacher;
  TensorMap weights = teacher.weights();
  weights.merge(units->unit_head(trained.heads));
  return Supernet(teacher.space(), std::move(weights), teacher.provenance());
}

Stage make_teacher_stage(const Pipeline& pipeline, const TrainingFlags& flags) {
  const PipelineConfig& config = pipeline.config;
  const Workspace& workspace = pipeline.workspace;
  return {.name = "teacher",
          .settings = fmt::format("seed {}\n", config.seed) + json_of(config.space) +
                      pipeline.section("teacher") + content_hash(config.teacher_model) +
                      content_hash(config.teacher.units.model) + files_hash(config.teacher.train),
          .inputs = {"corpus"},
          .outputs = {workspace.teacher()},
          .run = [&config, &workspace, flags](const RunContext& context) {
            train_teacher(config, workspace, context, flags);
          }};
}

}  // namespace concertina
