// concertina pretrain and train: the teacher, and the two stages of distillation.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "apps/verb.h"
#include "pipeline/distill_stage.h"
#include "pipeline/pipeline_config.h"
#include "pipeline/teacher_stage.h"
#include "pipeline/workspace.h"

namespace concertina {
namespace {

// Where the model and its metrics are.
void print_paths(const Globals& globals, const std::filesystem::path& model,
                 const std::filesystem::path& metrics) {
  if (globals.launch.rank > 0) return;
  if (globals.json) {
    fmt::print("{}\n",
               nlohmann::json{{"model", model.string()}, {"metrics", metrics.string()}}.dump());
  } else {
    fmt::print("{}\n", model.string());
  }
}

struct TrainArgs {
  std::string config, out = "out";
  int32_t stage = 1;
  bool resume = false, fresh = false;
  TrainingFlags flags;

  TrainingFlags training_flags() const {
    TrainingFlags result = flags;
    result.existing = fresh ? Existing::kSetAside : resume ? Existing::kResume : Existing::kReject;
    return result;
  }
};

void add_train_flags(CLI::App* verb, TrainArgs& args, Globals& globals) {
  globals.paths.reads(verb->add_option("CONFIG", args.config, "pipeline file (.yaml)")->required());
  globals.paths.writes(
      *verb, verb->add_option("-o,--out", args.out, "folder of the run")->capture_default_str(),
      FileKind::kFolder);
  CLI::Option* resume = verb->add_flag("--resume", args.resume,
                                       "resume from the checkpoint in the run's folder, if there "
                                       "is one; steps may have been raised");
  verb->add_flag("--fresh", args.fresh,
                 "start again; the folder of an earlier run is renamed to NAME.old")
      ->excludes(resume);
  add_number(*verb, "--max-minutes", args.flags.max_minutes, kMinuteBounds,
             "save and stop after this many minutes");
  add_number(*verb, "--answer-minutes", args.flags.answer_minutes, kMinuteBounds,
             "timeout of collectives between processes, in minutes")
      ->capture_default_str();
}

PipelineConfig parse(const TrainArgs& args, const Globals& globals) {
  ConfigFile file = load_config(args.config, globals);
  return PipelineConfig::parse(file);
}

}  // namespace

void add_train_verbs(CLI::App& app, Globals& globals) {
  auto args = std::make_shared<TrainArgs>();
  CLI::App* pretrain =
      app.add_subcommand("pretrain", "train a teacher by masked unit prediction (HuBERT)");
  pretrain->footer(
      "Examples:\n"
      "  concertina pretrain configs/quickstart.yaml --out runs/quickstart\n"
      "  concertina pretrain configs/quickstart.yaml --out runs/quickstart --resume --max-minutes "
      "30\n"
      "  concertina pretrain configs/quickstart.yaml --out runs/quickstart --resume --set "
      "teacher.pretrain.steps=4000\n"
      "  torchrun --nproc-per-node 2 --no-python concertina pretrain configs/quickstart.yaml --out "
      "runs/two");
  add_train_flags(pretrain, *args, globals);
  pretrain->callback([args, &globals] {
    const Workspace workspace{args->out};
    train_teacher(parse(*args, globals), workspace, run_context(globals), args->training_flags());
    print_paths(globals, workspace.teacher(), workspace.teacher_dir() / "metrics.jsonl");
  });

  CLI::App* train = app.add_subcommand(
      "train",
      "distil the teacher into a student of full size (stage 1), then into the supernet (stage 2)");
  train->footer(
      "Examples:\n"
      "  concertina train configs/quickstart.yaml --stage 1 --out runs/quickstart\n"
      "  concertina train configs/quickstart.yaml --stage 2 --out runs/quickstart --set "
      "stage2.steps=2000\n"
      "  concertina train configs/quickstart.yaml --stage 2 --out runs/quickstart --resume --set "
      "stage2.steps=4000\n"
      "  concertina train configs/quickstart.yaml --stage 2 --out runs/quickstart --fresh --set "
      "stage2.optimizer.lr=5e-4\n"
      "  torchrun --nproc-per-node 2 --no-python concertina train configs/quickstart.yaml "
      "--stage 1 --out runs/two");
  add_train_flags(train, *args, globals);
  add_number(*train, "--stage", args->stage, {1, 2}, "stage of distillation")->required();
  train->callback([args, &globals] {
    const Workspace workspace{args->out};
    train_student(parse(*args, globals), workspace, run_context(globals), args->training_flags(),
                  args->stage, StudentSort::kIfMissing);
    print_paths(globals, workspace.student(args->stage),
                workspace.stage_dir(args->stage) / "metrics.jsonl");
  });
}

}  // namespace concertina
