#include "pipeline/report_stage.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "core/files.h"
#include "core/hash.h"
#include "core/log.h"
#include "distill/train/config_fingerprint.h"
#include "pipeline/budget_answers.h"
#include "pipeline/front_text.h"
#include "pipeline/pipeline.h"
#include "pipeline/score_table.h"
#include "pipeline/stage.h"
#include "supernet/model/model_file.h"

namespace concertina {
namespace {

// The best subnet within the first budget, or the nearest to it, so that a pipeline always ends in
// a file.
void extract_subnet(const PipelineConfig& config, const Workspace& workspace,
                    const StudyFile& study) {
  const BudgetChoice choice = choose_subnet(study, config.budgets);
  if (!choice.fits)
    log_warn("no subnet is within {}: the nearest is taken", describe(choice.budget));
  const Supernet supernet = load_model(workspace.student(2));
  save_model(supernet.extract(choice.architecture), workspace.subnet());
  log_info("report: {} extracted to {}", choice.architecture.key(), workspace.subnet().string());
}

void add_training(const Workspace& workspace, ReportInputs& inputs) {
  const std::vector<std::pair<std::filesystem::path, std::string>> folders = {
      {workspace.teacher_dir(), "teacher"},
      {workspace.stage_dir(1), "stage 1"},
      {workspace.stage_dir(2), "stage 2"}};
  for (const auto& [folder, title] : folders) {
    const std::filesystem::path metrics = folder / "metrics.jsonl";
    if (std::filesystem::exists(metrics))
      inputs.curves.push_back(read_training_curve(metrics, title));
    add_provenance(folder / "model.safetensors", title, inputs);
  }
}

void write_report(const PipelineConfig& config, const Workspace& workspace) {
  StudyFile study = StudyFile::open(workspace.study());
  extract_subnet(config, workspace, study);
  const std::filesystem::path subnet = workspace.subnet();
  study.add_artefact({"subnet", subnet.filename().string(), sha256_file(subnet)});

  ReportInputs inputs;
  inputs.title = fmt::format("Concertina: {}", workspace.out.filename().string());
  inputs.budgets = config.budgets;
  add_training(workspace, inputs);
  if (std::filesystem::exists(workspace.scores()))
    inputs.tables.push_back(score_table(read_scores(workspace.scores())));
  write_atomically(workspace.report(), render_report(study, inputs));
  log_info("report: {}", workspace.report().string());
}

}  // namespace

void add_provenance(const std::filesystem::path& model, const std::string& name,
                    ReportInputs& inputs) {
  if (!std::filesystem::exists(model)) return;
  const std::string provenance = load_model(model).provenance();
  const bool ours = nlohmann::json::accept(provenance);  // of an imported model: a sentence
  inputs.trained.emplace_back(name, ours ? yaml_of(provenance) : provenance);
}

Stage make_report_stage(const Pipeline& pipeline) {
  const PipelineConfig& config = pipeline.config;
  const Workspace& workspace = pipeline.workspace;
  return {.name = "report",
          .settings = pipeline.section("report"),
          .inputs = {"search", "eval"},
          .outputs = {workspace.subnet(), workspace.report()},
          .run = [&](const RunContext&) { write_report(config, workspace); }};
}

}  // namespace concertina
