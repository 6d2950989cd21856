#include "pipeline/sort_stage.h"

#include "core/files.h"
#include "core/log.h"
#include "core/mapped_file.h"
#include "distill/importance/sort.h"
#include "pipeline/corpus_stage.h"
#include "pipeline/pipeline.h"
#include "pipeline/stage.h"
#include "pipeline/teacher_stage.h"
#include "supernet/model/model_file.h"

namespace concertina {

void sort_student(const PipelineConfig& config, const Workspace& workspace) {
  const Supernet model = load_model(workspace.student(1), Reading::kCopied);
  const Supernet teacher = load_teacher(workspace);
  const TrainedObjective trained = load_objective(workspace.objective(1));
  const Manifest manifest = read_manifest(corpus_manifest(config));
  const SortResult sorted =
      sort_units(*config.sort,
                 {.model = model, .trained = &trained, .teacher = &teacher, .manifest = &manifest});
  make_directories(workspace.sort_dir());
  save_objective(*trained.objective, sorted.heads, trained.state, workspace.sorted_objective());
  save_model(sorted.model, workspace.sorted());
  log_info("sort: {} groups of units by {}, the full network's output changed by {:.1e}",
           sorted.orders.size(), enum_name(config.sort->score), sorted.change);
}

Stage make_sort_stage(const Pipeline& pipeline) {
  const Workspace& workspace = pipeline.workspace;
  return {.name = "sort",
          .settings = pipeline.section("sort"),
          .inputs = {"stage1"},
          .outputs = {workspace.sorted(), workspace.sorted_objective()},
          .run = [&](const RunContext&) { sort_student(pipeline.config, workspace); }};
}

}  // namespace concertina
