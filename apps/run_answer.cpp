#include "apps/run_answer.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "apps/pareto_table.h"
#include "apps/results_text.h"
#include "study/queries.h"

namespace concertina {
namespace {

using Json = nlohmann::ordered_json;

struct BudgetChoice {
  Budget budget;
  bool fits = false;
  Architecture architecture;
};

std::vector<BudgetChoice> choices(const StudyHeader& header, const FrontResults& results,
                                  std::span<const Trial> trials,
                                  const std::vector<Budget>& budgets) {
  std::vector<BudgetChoice> chosen;
  for (const Budget& budget : budgets) {
    const BudgetAnswer answer = within_budgets(header, results, trials, std::span(&budget, 1));
    const bool fits = !answer.fitting.empty();
    const Trial& trial = fits ? answer.fitting.front() : *answer.nearest;
    chosen.push_back({budget, fits, trial.architecture});
  }
  return chosen;
}

void print_json(const Workspace& space, std::span<const Trial> front, const FrontResults& results,
                const std::vector<BudgetChoice>& chosen) {
  Json json = {{"study", space.study().string()},
               {"subnet", space.subnet().string()},
               {"report", space.report().string()},
               {"front", Json::parse(trials_json(front, &results))},
               {"budgets", Json::array()}};
  for (const BudgetChoice& choice : chosen) {
    Json row = {{"metric", choice.budget.metric},
                {"limit", choice.budget.limit},
                {"fits", choice.fits},
                {"architecture", choice.architecture.key()}};
    row.update(results_json(results.of(choice.architecture)));
    json["budgets"].push_back(std::move(row));
  }
  fmt::print("{}\n", json.dump(2));
}

void print_next_steps(const PipelineConfig& config, const Workspace& space) {
  const std::string study = space.study().string(), subnet = space.subnet().string();
  const std::string supernet = space.student(2).string();
  fmt::print(
      "\nextracted subnet: {1}\nreport:           {3}\n\nGo on with\n"
      "  concertina pareto {0} --max-params 1M\n"
      "  concertina extract {2} --study {0} --max-params 1M -o small.safetensors\n"
      "  concertina encode {1} AUDIO.wav -o features.npy\n"
      "  concertina eval {1} --data {4} --beside random,mfcc\n",
      study, subnet, supernet, space.report().string(), corpus_manifest(config).string());
}

}  // namespace

void print_run_answer(const PipelineConfig& config, const Workspace& space,
                      const Globals& globals) {
  const StudyFile study = StudyFile::open_read_only(space.study());
  const StudyHeader header = study.header();
  const FrontResults results = front_results(study);
  const std::vector<Trial> trials = scored_trials(study);
  const std::vector<Trial> front = within_budgets(header, results, trials, {}).fitting;
  const std::vector<BudgetChoice> chosen = choices(header, results, trials, config.budgets);
  if (globals.json) {
    print_json(space, front, results, chosen);
    return;
  }
  fmt::print("Pareto front on dev data ({})\n{}\n", space.study().string(),
             pareto_table(header, front));
  for (const BudgetChoice& choice : chosen) {
    fmt::print("within {}: {}{}\n{}{}", describe(choice.budget),
               choice.fits ? "" : "no subnet fits; nearest: ", choice.architecture.key(),
               results_text(results.of(choice.architecture), choice.architecture,
                            score_command(study, space.study())),
               latency_terms_text(results, {&choice.budget, 1}));
  }
  if (const std::string text = correction_text(results); !text.empty()) fmt::print("{}\n", text);
  print_next_steps(config, space);
}

}  // namespace concertina
