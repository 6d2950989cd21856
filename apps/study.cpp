// The verbs that read a study: study dump, study export, pareto, report.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/budget_flags.h"
#include "apps/pareto_table.h"
#include "apps/results_text.h"
#include "apps/verb.h"
#include "core/errors.h"
#include "core/files.h"
#include "core/log.h"
#include "pipeline/budget_answers.h"
#include "pipeline/depth_width.h"
#include "pipeline/front_text.h"
#include "pipeline/report_stage.h"
#include "report/report.h"
#include "study/front_members.h"
#include "study/queries.h"

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
  std::string study, out = "report.html", title, depth_width;
  std::vector<std::string> budgets, metrics;
};

bool is_stdout(const std::string& out) { return out.empty() || out == "-"; }

void write_and_print(const std::string& out, const std::string& text, const Json& about,
                     const Globals& globals) {
  write_atomically(out, text);
  Json json = {{"file", out}, {"bytes", text.size()}};
  json.update(about);
  fmt::print("{}", globals.json ? json.dump(2) + "\n" : fmt::format("written to {}\n", out));
}

// The whole study: complete trials carry their front's scores, failed ones are kept.
void export_study(const ExportArgs& args, const Globals& globals) {
  const StudyFile study = StudyFile::open_read_only(args.study);
  std::vector<Trial> trials = study.trials();
  add_results(front_results(study), trials);
  const bool to_file = !is_stdout(args.out);
  const bool as_json = args.to == "json" || (globals.json && !to_file);
  const std::string text = as_json ? trials_json(trials) : trials_csv(study.header(), trials);
  if (to_file)
    write_and_print(args.out, text, {{"format", args.to}, {"trials", trials.size()}}, globals);
  else
    fmt::print("{}", text);
}

void pareto(const ParetoArgs& args, const Globals& globals) {
  const StudyFile study = StudyFile::open_read_only(args.study);
  const StudyHeader header = study.header();
  const FrontResults results = front_results(study);
  const std::vector<Budget> budgets = args.budget.budgets();
  std::vector<Trial> front = all_within(study, budgets);
  if (args.best) front.resize(1);
  if (args.knee) front = {knee_of(header, front)};
  std::string notes;
  if (args.best || args.knee)
    notes = results_text(results.of(front[0].architecture), front[0].architecture,
                         score_command(study, args.study));
  notes += latency_terms_text(results, budgets);
  if (const std::string text = correction_text(results); !text.empty()) notes += text + '\n';
  const std::string format = globals.json ? "json" : args.format;
  if (format == "table") {
    fmt::print("{}{}", pareto_table(header, front), notes);
    return;
  }
  fmt::print("{}", format == "json" ? trials_json(front, &results) : trials_csv(header, front));
  fmt::print(stderr, "{}", notes);
}

void add_stage(const std::string& text, ReportInputs& inputs) {  // NAME=metrics.jsonl
  const size_t at = text.find('=');
  if (at == std::string::npos || at == 0)
    throw InputError(fmt::format("--metrics '{}' was expected as NAME=metrics.jsonl", text));
  const std::filesystem::path metrics = text.substr(at + 1);
  const std::string name = text.substr(0, at);
  inputs.curves.push_back(read_training_curve(metrics, name));
  add_provenance(metrics.parent_path() / "model.safetensors", name, inputs);
}

void report(const ReportArgs& args, const Globals& globals) {
  if (globals.json && is_stdout(args.out))
    throw InputError("--json prints where the page was written: give -o a file");
  const StudyFile study = StudyFile::open_read_only(args.study);
  ReportInputs inputs;
  if (!args.title.empty()) inputs.title = args.title;
  for (const std::string& budget : args.budgets) inputs.budgets.push_back(parse_budget(budget));
  for (const std::string& metrics : args.metrics) add_stage(metrics, inputs);
  Json answer = {{"study", args.study}, {"trials", study.trial_count()}};
  if (!args.depth_width.empty()) {
    inputs.depth_width = depth_width_of(read_scores(args.depth_width), globals.seed);
    if (const std::string few = few_shapes(*inputs.depth_width); !few.empty())
      log_warn("--depth-width: {}", few);
    if (globals.json) answer["depth_width"] = Json::parse(to_json(*inputs.depth_width));
  }
  const std::string page = render_report(study, inputs);
  if (is_stdout(args.out))
    fmt::print("{}", page);
  else
    write_and_print(args.out, page, answer, globals);
}

void add_study_group(CLI::App& app, Globals& globals) {
  CLI::App* group = app.add_subcommand("study", "print and export a study");
  group->require_subcommand(1);

  struct DumpArgs {
    std::string study;
    bool no_times = false;
  };
  CLI::App* dump =
      group->add_subcommand("dump", "print everything that a study contains, in a fixed order");
  dump->footer(
      "Two runs are equal when this output is.\n\nExample:\n  concertina study dump --no-times "
      "runs/quickstart/study.db");
  const auto args = std::make_shared<DumpArgs>();
  globals.paths.reads(dump->add_option("STUDY", args->study, "study file (.db)")->required());
  dump->add_flag("--no-times", args->no_times, "only what must not depend on time or threads");
  dump->callback([args, &globals] {
    const StudyFile study = StudyFile::open_read_only(args->study);
    fmt::print("{}", globals.json ? study.dump_json(!args->no_times) : study.dump(!args->no_times));
  });

  CLI::App* out = group->add_subcommand("export", "write all trials as CSV or JSON");
  out->footer(
      "Example:\n  concertina study export runs/quickstart/study.db --to csv -o trials.csv");
  const auto export_args = std::make_shared<ExportArgs>();
  globals.paths.reads(out->add_option("STUDY", export_args->study, "study file (.db)")->required());
  out->add_option("--to", export_args->to, "csv or json")
      ->check(CLI::IsMember({"csv", "json"}))
      ->capture_default_str();
  globals.paths.writes(
      *out, out->add_option("-o,--out", export_args->out, "file to write (default: stdout)"),
      FileKind::kTrials);
  out->callback([export_args, &globals] { export_study(*export_args, globals); });
}

void add_pareto(CLI::App& app, Globals& globals) {
  CLI::App* verb = app.add_subcommand("pareto", "print a study's Pareto front, within budgets");
  verb->footer(
      "--best and --knee also print scores on test, a measured latency and the prediction's error, "
      "or\nthe command that makes them.\n\n"
      "Examples:\n  concertina pareto runs/quickstart/study.db --max-params 2M --max-latency 15ms\n"
      "  concertina pareto runs/quickstart/study.db --max-latency 15ms --measured --best\n"
      "  concertina pareto runs/quickstart/study.db --where 'test.pr.frame_acc>=60' --knee");
  const auto args = std::make_shared<ParetoArgs>();
  globals.paths.reads(verb->add_option("STUDY", args->study, "study file (.db)")->required());
  args->budget.add_to(*verb);
  CLI::Option* best = verb->add_flag("--best", args->best, "only the best by the first objective");
  verb->add_flag("--knee", args->knee, "only the knee of the front")->excludes(best);
  verb->add_option("--format", args->format, "table, csv or json")
      ->check(CLI::IsMember({"table", "csv", "json"}))
      ->capture_default_str();
  verb->callback([args, &globals] { pareto(*args, globals); });
}

void add_report(CLI::App& app, Globals& globals) {
  CLI::App* verb = app.add_subcommand("report", "write a study as one self-contained HTML page");
  verb->footer(
      "Example:\n  concertina report runs/quickstart/study.db -o report.html --budget params=2M "
      "--metrics "
      "teacher=runs/quickstart/teacher/metrics.jsonl");
  const auto args = std::make_shared<ReportArgs>();
  globals.paths.reads(verb->add_option("STUDY", args->study, "study file (.db)")->required());
  globals.paths.writes(
      *verb,
      verb->add_option("-o,--out", args->out, "page to write; - for stdout")->capture_default_str(),
      FileKind::kPage);
  verb->add_option("--title", args->title, "title of the page");
  verb->add_option("--budget", args->budgets,
                   "mark the best subnet within it, e.g. params=2M, latency=15ms (repeatable)");
  verb->add_option(
      "--metrics", args->metrics,
      "training curve and settings of a stage: NAME=FOLDER/metrics.jsonl (repeatable)");
  globals.paths.reads(verb->add_option(
      "--depth-width", args->depth_width,
      "scores of subnets with equal parameters, six or more (`space shapes`), as `eval --archs "
      "FILE "
      "--clips -o` writes them: content and speaker tasks over depth and width; with --json also "
      "as data"));
  verb->callback([args, &globals] { report(*args, globals); });
}

}  // namespace

void add_study_verbs(CLI::App& app, Globals& globals) {
  add_study_group(app, globals);
  add_pareto(app, globals);
  add_report(app, globals);
}

}  // namespace concertina
