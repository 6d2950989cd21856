// concertina run: all stages of a pipeline file, in order.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "apps/run_answer.h"
#include "apps/verb.h"
#include "pipeline/pipeline.h"
#include "pipeline/runner.h"
#include "pipeline/stages.h"

namespace concertina {
namespace {

struct RunFlags {
  std::string pipeline, out;
  std::vector<std::string> stages;
  bool dry_run = false, fresh = false;

  TrainingFlags training_flags() const {
    return {.existing = fresh ? Existing::kResumeOrSetAside : Existing::kResume};
  }
};

void print_plan(const std::vector<PlannedStage>& plan, bool as_json) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const PlannedStage& stage : plan) {
    const std::string hash = stage.hash.substr(0, 16);
    const char* state = stage.up_to_date ? "up to date" : "would run";
    if (as_json)
      rows.push_back({{"stage", stage.name}, {"hash", hash}, {"state", state}});
    else
      fmt::print("{:<8} {} {}\n", stage.name, hash, state);
  }
  if (as_json) fmt::print("{}\n", rows.dump(1));
}

void run(const RunFlags& flags, const Globals& globals) {
  if (globals.launch.size > 1) {
    throw InputError(fmt::format(
        "run is a single process, and {} were launched: use pretrain and train for the training "
        "stages, then run for the rest",
        globals.launch.size));
  }
  ConfigFile file = load_config(flags.pipeline, globals);
  const Workspace workspace{flags.out.empty() ? default_workspace(flags.pipeline)
                                              : std::filesystem::path(flags.out)};
  const Pipeline pipeline = parse_pipeline(file, flags.pipeline, workspace);
  const std::vector<Stage> stages = pipeline_stages(pipeline, flags.training_flags());
  if (flags.dry_run) {
    print_plan(plan_stages(stages, workspace, flags.stages), globals.json);
    return;
  }
  run_stages(stages, workspace, {flags.pipeline, pipeline.config.effective, flags.stages},
             run_context(globals));
  if (is_selected(stages.back(), flags.stages)) print_run_answer(pipeline, globals.json);
}

}  // namespace

void add_run_verbs(CLI::App& app, Globals& globals) {
  CLI::App* verb = app.add_subcommand(
      "run", "run all stages of a pipeline: corpus, teacher, distillation, search and report");
  auto flags = std::make_shared<RunFlags>();
  globals.paths.reads(
      verb->add_option("CONFIG", flags->pipeline, "pipeline file (.yaml)")->required());
  globals.paths.writes(*verb,
                       verb->add_option("-o,--out", flags->out,
                                        "folder of the run (default: runs/NAME for NAME.yaml)"),
                       FileKind::kFolder);
  verb->add_option("--stages", flags->stages, "only these stages, e.g. corpus,teacher")
      ->delimiter(',');
  verb->add_flag("-n,--dry-run", flags->dry_run, "only list the stages and whether they would run");
  verb->add_flag("--fresh", flags->fresh,
                 "where a training stage has other settings than its earlier run, rename the "
                 "earlier folder to NAME.old and start again; without it such a run is an error");
  verb->footer(
      "A stage whose settings and inputs have not changed is skipped; one that was interrupted "
      "resumes.\n\n"
      "Examples:\n"
      "  concertina run configs/quickstart.yaml --out runs/quickstart\n"
      "  concertina run configs/quickstart.yaml --out runs/quickstart --stages corpus,teacher\n"
      "  concertina run configs/quickstart.yaml --out runs/quickstart --dry-run");
  verb->callback([flags, &globals] { run(*flags, globals); });
}

}  // namespace concertina
