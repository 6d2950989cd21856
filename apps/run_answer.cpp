#include "apps/run_answer.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "apps/pareto_table.h"
#include "apps/results_text.h"
#include "pipeline/budget_answers.h"
#include "pipeline/corpus_stage.h"
#include "pipeline/front_text.h"
#include "pipeline/pipeline.h"

namespace concertina {
namespace {

using Json = nlohmann::ordered_json;

void print_json(const Workspace& workspace, const FrontAnswer& answer) {
  Json json = {{"study", workspace.study().string()},
               {"subnet", workspace.subnet().string()},
               {"report", workspace.report().string()},
               {"front", Json::parse(trials_json(answer.front, &answer.results))},
               {"budgets", Json::array()}};
  for (const BudgetChoice& choice : answer.choices) {
    Json row = {{"metric", choice.budget.metric},
                {"limit", choice.budget.limit},
                {"fits", choice.fits},
                {"architecture", choice.architecture.key()}};
    row.update(results_json(answer.results.of(choice.architecture)));
    json["budgets"].push_back(std::move(row));
  }
  fmt::print("{}\n", json.dump(2));
}

void print_next_steps(const PipelineConfig& config, const Workspace& workspace) {
  const std::string study = workspace.study().string(), subnet = workspace.subnet().string();
  const std::string supernet = workspace.student(2).string();
  fmt::print(
      "\nextracted subnet: {1}\nreport:           {3}\n\nNext steps:\n"
      "  concertina pareto {0} --max-params 1M\n"
      "  concertina extract {2} --study {0} --max-params 1M -o small.safetensors\n"
      "  concertina encode {1} AUDIO.wav -o features.npy\n"
      "  concertina eval {1} --data {4}\n",
      study, subnet, supernet, workspace.report().string(), corpus_manifest(config).string());
}

void print_text(const Pipeline& pipeline, const StudyFile& study, const FrontAnswer& answer) {
  const std::filesystem::path path = pipeline.workspace.study();
  fmt::print("Pareto front on dev data ({})\n{}\n", path.string(),
             pareto_table(answer.header, answer.front));
  for (const BudgetChoice& choice : answer.choices) {
    fmt::print("within {}: {}{}\n{}{}", describe(choice.budget),
               choice.fits ? "" : "no subnet fits; nearest: ", choice.architecture.key(),
               results_text(answer.results.of(choice.architecture), choice.architecture,
                            score_command(study, path)),
               latency_terms_text(answer.results, {&choice.budget, 1}));
  }
  if (const std::string text = correction_text(answer.results); !text.empty())
    fmt::print("{}\n", text);
  print_next_steps(pipeline.config, pipeline.workspace);
}

}  // namespace

void print_run_answer(const Pipeline& pipeline, bool as_json) {
  const StudyFile study = StudyFile::open_read_only(pipeline.workspace.study());
  const FrontAnswer answer = front_answer(study, pipeline.config.budgets);
  if (as_json)
    print_json(pipeline.workspace, answer);
  else
    print_text(pipeline, study, answer);
}

}  // namespace concertina
