#include "pipeline/distill_stage.h"

#include <fmt/format.h>

#include <optional>

#include "distill/distill.h"
#include "distill/objective/objective_file.h"
#include "pipeline/corpus_stage.h"
#include "pipeline/more_teachers.h"
#include "pipeline/pipeline.h"
#include "pipeline/sort_stage.h"
#include "pipeline/stage.h"
#include "pipeline/teacher_stage.h"
#include "pipeline/training.h"
#include "speech/selection.h"
#include "supernet/model/model_file.h"

namespace concertina {
namespace {

// A run that has a checkpoint keeps its order.
void sort_if_missing(const PipelineConfig& config, const Workspace& workspace,
                     const StageContext& training) {
  const bool sorted =
      training.opened->has_checkpoint() && std::filesystem::exists(workspace.sorted());
  training.communicator->run_on_rank_zero([&] {
    if (!sorted) sort_student(config, workspace);
  });
}

ModelWithHeads previous_student(const PipelineConfig& config, const Workspace& workspace,
                                int32_t stage) {
  if (config.sort)
    return {load_model(workspace.sorted()), load_objective(workspace.sorted_objective()).heads};
  return {load_model(workspace.student(stage - 1)),
          load_objective(workspace.objective(stage - 1)).heads};
}

}  // namespace

void train_student(const PipelineConfig& config, const Workspace& workspace,
                   const RunContext& context, const TrainingFlags& flags, int32_t stage,
                   StudentSort sort) {
  DistillOptions options = stage == 1 ? config.stage1 : config.stage2;
  apply_cap(options.train, flags);
  const std::string title = fmt::format("stage {}", stage);
  TrainingProgress progress(title);
  StageContext training =
      training_context(config.seed, context, flags, workspace.stage_dir(stage), progress);
  training.opened = training.open_folder();
  if (stage == 2 && config.sort && sort == StudentSort::kIfMissing)
    sort_if_missing(config, workspace, training);
  const Supernet teacher = load_teacher(workspace);
  std::optional<ModelWithHeads> previous;
  if (options.init == StudentInit::kPreviousStage)
    previous = previous_student(config, workspace, stage);
  Manifest manifest = read_manifest(corpus_manifest(config));
  if (!options.clips.empty()) manifest = with_training_clips(manifest, options.clips);
  training.communicator->run_on_rank_zero(
      [&] { fetch_more_teachers(config, workspace, options.objective, context.stop); });
  const StageResult result =
      distill_stage(options,
                    {stage, config.space, teacher, previous ? &*previous : nullptr, manifest,
                     more_teachers(config, workspace, options.objective), config.teacher_places},
                    training);
  log_end(title, result, options.train);
}

Stage make_distill_stage(const Pipeline& pipeline, const TrainingFlags& flags, int32_t stage) {
  const PipelineConfig& config = pipeline.config;
  const Workspace& workspace = pipeline.workspace;
  const std::string name = fmt::format("stage{}", stage);
  const DistillOptions& options = stage == 1 ? config.stage1 : config.stage2;
  const std::string units = options.units ? content_hash(options.units->model) : "";
  return {.name = name,
          .settings = pipeline.section(name) + units + content_hash(options.clips) +
                      files_hash(options.train) + more_teachers_hash(config, options.objective),
          .inputs = {stage == 1    ? "teacher"
                     : config.sort ? "sort"
                                   : "stage1"},
          .outputs = {workspace.student(stage)},
          .run = [&config, &workspace, flags, stage](const RunContext& context) {
            train_student(config, workspace, context, flags, stage);
          }};
}

}  // namespace concertina
