// The last stage: the chosen subnet as a file of its own, and the page that shows the study.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "apps/pareto_table.h"
#include "pipeline/score_table.h"
#include "pipeline/stages.h"
#include "core/files.h"
#include "core/log.h"
#include "distill/train/recipe.h"
#include "report/report.h"
#include "search/study.h"
#include "supernet/model/model_file.h"

namespace concertina {
namespace {

// The best subnet within the first budget; the nearest to it when none fits, so that a line always
// ends in a file.
Trial chosen_subnet(const StudyFile& study, const std::vector<Budget>& budgets) {
  const std::span<const Budget> first(budgets.data(), std::min<size_t>(1, budgets.size()));
  const BudgetAnswer answer = within_budgets(study, first);
  if (!answer.fitting.empty()) return answer.fitting.front();
  if (!answer.nearest)
    throw NoAnswer("the study has no complete trial, so no subnet can be chosen");
  log_warn("no subnet is within {}: the nearest is taken", describe(budgets.front()));
  return *answer.nearest;
}

void extract_subnet(const Workspace& space, const Architecture& architecture) {
  const Supernet supernet = load_model(space.student(2));
  save_model(supernet.extract(architecture), space.subnet());
  log_info("report: {} extracted to {}", architecture.key(), space.subnet().string());
}

void add_stages(const Workspace& space, ReportInputs& inputs) {
  const std::vector<std::pair<std::filesystem::path, std::string>> folders = {
      {space.teacher_dir(), "teacher"},
      {space.stage_dir(1), "stage 1"},
      {space.stage_dir(2), "stage 2"}};
  for (const auto& [folder, title] : folders) {
    const std::filesystem::path metrics = folder / "metrics.jsonl";
    if (std::filesystem::exists(metrics)) {
      inputs.curves.push_back(read_training_curve(metrics, title));
    }
    add_what_ran(folder / "model.safetensors", title, inputs);
  }
}

}  // namespace

void add_what_ran(const std::filesystem::path& model, const std::string& name,
                  ReportInputs& inputs) {
  if (!std::filesystem::exists(model)) return;
  const std::string provenance = load_model(model).provenance();
  const bool ours = nlohmann::json::accept(provenance);  // of an imported model: a sentence
  inputs.trained.emplace_back(name, ours ? yaml_of(provenance) : provenance);
}

void run_report_stage(const PipelineConfig& config, const Workspace& space,
                      const Globals& /*globals*/) {
  StudyFile study = StudyFile::open(space.study());
  extract_subnet(space, chosen_subnet(study, config.budgets).architecture);
  study.add_artefact({"subnet", space.subnet().filename().string(), sha256_file(space.subnet())});

  ReportInputs inputs;
  inputs.title = fmt::format("Concertina: {}", space.out.filename().string());
  inputs.budgets = config.budgets;
  add_stages(space, inputs);
  if (std::filesystem::exists(space.scores())) {
    inputs.tables.push_back(read_score_table(space.scores()));
  }
  write_atomically(space.report(), render_report(study, inputs));
  log_info("report: {}", space.report().string());
}

}  // namespace concertina
