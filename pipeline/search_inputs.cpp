#include "pipeline/search_inputs.h"

#include <algorithm>

#include "core/mapped_file.h"
#include "pipeline/corpus_stage.h"
#include "pipeline/more_teachers.h"
#include "pipeline/study_setup.h"
#include "pipeline/teacher_stage.h"
#include "supernet/model/model_file.h"

namespace concertina {

SearchInputs SearchInputs::load(const PipelineConfig& config, const Workspace& workspace) {
  return {config, workspace,
          std::make_shared<const Supernet>(load_model(workspace.student(2), Reading::kCopied)),
          std::make_shared<const Manifest>(read_manifest(corpus_manifest(config)))};
}

std::shared_ptr<const DistillScore> distill_score(const SearchInputs& inputs, Split split) {
  if (!is_searched(inputs.config.search, kDistillMetric)) return nullptr;
  const Supernet teacher = load_teacher(inputs.workspace);
  std::vector<Subnet> teachers = {teacher.slice(teacher.space().largest())};
  for (const NamedTeacher& more :
       more_teachers(inputs.config, inputs.workspace, inputs.config.stage2.objective)) {
    teachers.push_back(more.model.slice(more.model.space().largest()));
  }
  return std::make_shared<DistillScore>(
      teachers, inputs.supernet->blueprint(), load_objective(inputs.workspace.objective(2)),
      *inputs.manifest, split, distill_score_options(inputs.config));
}

std::shared_ptr<const TeacherScore> teacher_score(const SearchInputs& inputs,
                                                  const std::vector<std::string>& metrics,
                                                  Split split, const StopToken& stop) {
  if (std::ranges::none_of(metrics, is_teacher_metric)) return nullptr;
  const Supernet loaded = load_model(inputs.workspace.teacher(), Reading::kCopied);
  const Subnet teacher = loaded.slice(loaded.space().largest());
  const std::vector<int32_t>& layers = inputs.config.tasks.teacher_layers;
  const std::vector<Row> rows =
      layers.empty() ? clean_rows(*load_objective(inputs.workspace.objective(2)).objective)
                     : hidden_rows(layers, teacher);
  TeacherScoreOptions options = teacher_score_options(inputs.config);
  options.loyalty = std::ranges::any_of(
      metrics, [](const std::string& metric) { return metric.starts_with("teacher.loyalty"); });
  return std::make_shared<TeacherScore>(teacher, rows, *inputs.manifest, split, options, stop);
}

}  // namespace concertina
