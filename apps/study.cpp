// The verbs that read a study: study dump, study export, pareto, report.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/budget_flags.h"
#include "apps/pareto_table.h"
#include "apps/stages.h"
#include "apps/verb.h"
#include "core/errors.h"
#include "core/files.h"
#include "report/report.h"
#include "search/study.h"

namespace concertina {
namespace {

using Json = nlohmann::ordered_json;

struct ExportArgs {
  std::string study, to = "csv", out;
};

struct ParetoArgs {
  std::string study, format = "table";
  BudgetFlags budget;
  bool best = false, knee = false;
};

struct ReportArgs {
  std::string study, out = "report.html", title;
  std::vector<std::string> budgets, metrics;
};

void write_answer(const std::string& out, const std::string& text) {
  if (out.empty() || out == "-")
    fmt::print("{}", text);
  else
    write_atomically(out, text);
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

std::string_view state_name(const Trial& trial) {
  return trial.state == TrialState::kComplete ? "complete" : "failed";
}

// Numbers as their shortest text that reads back the same.
std::string trials_csv(const StudyHeader& header, std::span<const Trial> trials) {
  const std::vector<std::string> metrics = metric_columns(header, trials);
  std::string text = "trial,generation,state,architecture";
  for (const std::string& metric : metrics) text += ',' + csv_cell(metric);
  text += ",error\n";
  for (const Trial& trial : trials) {
    text += fmt::format("{},{},{},{}", trial.number, trial.generation, state_name(trial),
                        csv_cell(trial.architecture.key()));
    for (const std::string& metric : metrics) {
      const auto value = trial.values.find(metric);
      text += value == trial.values.end() ? "," : fmt::format(",{}", value->second);
    }
    text += ',' + csv_cell(trial.error) + '\n';
  }
  return text;
}

std::string trials_json(std::span<const Trial> trials) {
  Json all = Json::array();
  for (const Trial& trial : trials) {
    Json json = {{"trial", trial.number},
                 {"generation", trial.generation},
                 {"state", state_name(trial)},
                 {"architecture", trial.architecture.key()},
                 {"values", trial.values}};
    if (!trial.error.empty()) json["error"] = trial.error;
    all.push_back(std::move(json));
  }
  return all.dump(2) + '\n';
}

// Complete trials carry their test scores; failed ones are kept, so that the export is the whole
// study.
std::vector<Trial> trials_for_export(const StudyFile& study) {
  std::vector<Trial> trials = study.trials();
  if (std::ranges::none_of(trials, [](const Trial& t) { return t.state == TrialState::kComplete; }))
    return trials;
  for (Trial& scored : scored_trials(study)) {
    const auto same = std::ranges::find(trials, scored.number, &Trial::number);
    if (same != trials.end()) *same = std::move(scored);
  }
  return trials;
}

void export_study(const ExportArgs& args) {
  const StudyFile study = StudyFile::open_read_only(args.study);
  const std::vector<Trial> trials = trials_for_export(study);
  write_answer(args.out,
               args.to == "csv" ? trials_csv(study.header(), trials) : trials_json(trials));
}

std::vector<Trial> knee_of(const StudyHeader& header, const std::vector<Trial>& front) {
  std::vector<ObjectivePoint> points;
  for (const Trial& trial : front)
    points.push_back(objective_point(trial.values, header.objectives));
  return {front[static_cast<size_t>(knee_point(points))]};
}

void pareto(const ParetoArgs& args, const Globals& globals) {
  const StudyFile study = StudyFile::open_read_only(args.study);
  const StudyHeader header = study.header();
  std::vector<Trial> front = all_within(study, args.budget.budgets());
  if (args.best) front.resize(1);
  if (args.knee) front = knee_of(header, front);
  const std::string format = globals.json ? "json" : args.format;
  if (format == "json")
    fmt::print("{}", trials_json(front));
  else if (format == "csv")
    fmt::print("{}", trials_csv(header, front));
  else
    fmt::print("{}", pareto_table(header, front));
}

void add_stage(const std::string& text, ReportInputs& inputs) {  // NAME=metrics.jsonl
  const size_t at = text.find('=');
  if (at == std::string::npos || at == 0)
    throw InputError(fmt::format("--metrics '{}' was expected as NAME=metrics.jsonl", text));
  const std::filesystem::path metrics = text.substr(at + 1);
  const std::string name = text.substr(0, at);
  inputs.curves.push_back(read_training_curve(metrics, name));
  add_what_ran(metrics.parent_path() / "model.safetensors", name, inputs);
}

void report(const ReportArgs& args) {
  const StudyFile study = StudyFile::open_read_only(args.study);
  ReportInputs inputs;
  if (!args.title.empty()) inputs.title = args.title;
  for (const std::string& budget : args.budgets) inputs.budgets.push_back(parse_budget(budget));
  for (const std::string& metrics : args.metrics) add_stage(metrics, inputs);
  write_answer(args.out, render_report(study, inputs));
}

void add_study_group(CLI::App& app) {
  CLI::App* group = app.add_subcommand("study", "Read a study file");
  group->require_subcommand(1);

  struct DumpArgs {
    std::string study;
    bool no_times = false;
  };
  CLI::App* dump =
      group->add_subcommand("dump", "Print everything a study holds, in a fixed order");
  dump->footer("Two runs are equal when these are:\n  concertina study dump --no-times study.db");
  const auto args = std::make_shared<DumpArgs>();
  dump->add_option("study", args->study, "Study file")->required();
  dump->add_flag("--no-times", args->no_times, "Only what must not depend on time or threads");
  dump->callback(
      [args] { fmt::print("{}", StudyFile::open_read_only(args->study).dump(!args->no_times)); });

  CLI::App* out =
      group->add_subcommand("export", "Write all trials as a table other programs read");
  out->footer("Example:\n  concertina study export study.db --to csv -o trials.csv");
  const auto export_args = std::make_shared<ExportArgs>();
  out->add_option("study", export_args->study, "Study file")->required();
  out->add_option("--to", export_args->to, "csv | json")
      ->check(CLI::IsMember({"csv", "json"}))
      ->capture_default_str();
  out->add_option("-o,--out", export_args->out, "File to write; stdout when left out");
  out->callback([export_args] { export_study(*export_args); });
}

void add_pareto(CLI::App& app, Globals& globals) {
  CLI::App* verb = app.add_subcommand("pareto", "Ask a study's Pareto front for a budget");
  verb->footer(
      "Examples:\n  concertina pareto study.db --max-params 2M --max-latency 15ms\n"
      "  concertina pareto study.db --where 'test.pr.per<=30' --knee");
  const auto args = std::make_shared<ParetoArgs>();
  verb->add_option("study", args->study, "Study file")->required();
  args->budget.add_to(*verb);
  CLI::Option* best = verb->add_flag("--best", args->best, "Only the best by the first objective");
  verb->add_flag("--knee", args->knee, "Only the knee of the front")->excludes(best);
  verb->add_option("--format", args->format, "table | csv | json")
      ->check(CLI::IsMember({"table", "csv", "json"}))
      ->capture_default_str();
  verb->callback([args, &globals] { pareto(*args, globals); });
}

void add_report(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("report", "Write a study as one self-contained HTML page");
  verb->footer(
      "Example:\n  concertina report study.db -o report.html --budget params=2M --metrics "
      "teacher=teacher/metrics.jsonl");
  const auto args = std::make_shared<ReportArgs>();
  verb->add_option("study", args->study, "Study file")->required();
  verb->add_option("-o,--out", args->out, "Page to write")->capture_default_str();
  verb->add_option("--title", args->title, "Title of the page");
  verb->add_option("--budget", args->budgets,
                   "Mark the best subnet for it, e.g. params=2M, latency=15ms");
  verb->add_option("--metrics", args->metrics, 
                   "A training curve, NAME=metrics.jsonl, and what ran by the model beside it");
  verb->callback([args] { report(*args); });
}

}  // namespace

void add_study_verbs(CLI::App& app, Globals& globals) {
  add_study_group(app);
  add_pareto(app, globals);
  add_report(app);
}

}  // namespace concertina
