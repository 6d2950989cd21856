// concertina search: subnets of the trained supernet, scored on dev data; then the front's members
// on test.
#include <fmt/format.h>

#include <memory>

#include "apps/results_text.h"
#include "apps/verb.h"
#include "pipeline/front_text.h"
#include "pipeline/pipeline_config.h"
#include "pipeline/search_stage.h"
#include "pipeline/workspace.h"
#include "study/front_results.h"
#include "supernet/space/resolve.h"

namespace concertina {
namespace {

struct SearchArgs {
  std::string config, out = "out";
  std::vector<std::string> score;  // architectures to score in addition to the reported members
  int32_t workers = 0;
  SearchFlags flags{.resume = false};
};

void print_front(const Workspace& workspace, bool as_json) {
  const FrontResults results = front_results(StudyFile::open_read_only(workspace.study()));
  if (as_json) {
    fmt::print("{}\n", front_json(results).dump(1));
    return;
  }
  fmt::print("front on test with 95 % intervals, times measured again ({})\n{}",
             workspace.study().string(), front_table(results));
  if (results.workload) fmt::print("times: {}\n", workload_text(*results.workload));
  if (const std::string text = correction_text(results); !text.empty()) fmt::print("{}\n", text);
  fmt::print("evaluations on test so far: {}\n", results.looks);
}

void search(const SearchArgs& args, const Globals& globals) {
  ConfigFile file = load_config(args.config, globals);
  PipelineConfig config = PipelineConfig::parse(file);
  config.file = args.config;
  if (args.workers > 0) config.search.workers = args.workers;
  const Workspace workspace{args.out};
  SearchFlags flags = args.flags;
  for (const std::string& text : args.score)
    flags.score.push_back(resolve_architecture(config.space, text));
  search_subnets(config, workspace, globals.stop, flags);
  print_front(workspace, globals.json);
}

}  // namespace

void add_search_verbs(CLI::App& app, Globals& globals) {
  CLI::App* verb = app.add_subcommand(
      "search",
      "search subnets of the supernet on dev data, then score members of the front on test");
  auto args = std::make_shared<SearchArgs>();
  globals.paths.reads(
      verb->add_option("CONFIG", args->config, "pipeline file (.yaml)")->required());
  globals.paths.writes(
      *verb, verb->add_option("-o,--out", args->out, "folder of the run")->capture_default_str(),
      FileKind::kFolder);
  add_number(*verb, "--workers", args->workers, {1, kThreadBounds.high},
             "parallel workers of one thread each (default: as many as threads)");
  verb->add_flag("--resume", args->flags.resume, "resume the study in the run's folder");
  add_number(*verb, "--max-minutes", args->flags.max_minutes, kMinuteBounds,
             "save and stop after this many minutes");
  verb->add_option("--score", args->score,
                   "also score and time this subnet (architecture key; repeatable)");
  verb->footer(
      "Scored on test and timed are the best subnet, the knee, the choice of each of "
      "report.budgets and\n"
      "search.front.keep members spread along the front. Each evaluation on test is recorded.\n\n"
      "Example:\n"
      "  concertina search configs/quickstart.yaml --out runs/quickstart --workers 2 --resume");
  verb->callback([args, &globals] { search(*args, globals); });
}

}  // namespace concertina
