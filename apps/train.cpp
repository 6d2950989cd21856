#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "pipeline/stages.h"
#include "apps/verb.h"
#include "core/errors.h"
#include "core/files.h"
#include "core/log.h"
#include "core/progress.h"
#include "core/units.h"
#include "distill/distill.h"
#include "distill/pretrain/pretrain.h"
#include "supernet/model/model_file.h"

namespace concertina {
namespace {

class ProgressObserver : public TrainObserver {
 public:
  explicit ProgressObserver(std::string title) : title_(std::move(title)) {}

  void on_start(const StartReport& start) override {
    if (start.step > 0) {
      log_info("{}: going on from step {} of {}", title_, start.step, start.steps);
    }
    progress_ = std::make_unique<Progress>(title_, start.steps, start.step);
  }
  void on_step(const StepReport& report) override {
    progress_->note(fmt::format("loss {:.3f}{}, {:.0f} audio-s/s, lr {:.2g}", report.loss.total,
                                validation_, report.audio_s_per_s, report.lr));
    progress_->advance();
  }
  void on_validation(const ValidationReport& report) override {
    std::string sizes;
    validation_ = " (dev";
    for (const auto& [name, loss] : report.sizes) {
      sizes += fmt::format("{}{} {:.3f}", sizes.empty() ? "" : ", ", name, loss.total);
      validation_ += fmt::format(" {:.3f}", loss.total);
    }
    validation_ += ")";
    log_info("{}: step {}: validation loss: {}", title_, report.step, sizes);
  }

 private:
  std::string title_, validation_;  // validation_: the last one, for the bar
  std::unique_ptr<Progress> progress_;
};

StageContext context_of(const PipelineConfig& config, const Globals& globals,
                        const StageFlags& flags, std::filesystem::path folder,
                        ProgressObserver& progress, std::shared_ptr<Communicator> communicator) {
  StageContext context;
  context.targets = folder.parent_path() / "targets";  // stages share what fits both
  context.folder = std::move(folder);
  context.seed = config.seed;
  context.device = device_of(globals);
  context.existing = flags.existing;
  context.stop = globals.stop;
  context.observers = {&progress};
  context.communicator = std::move(communicator);
  return context;
}

std::shared_ptr<Communicator> communicator_of(const Globals& globals, const StageFlags& flags) {
  const std::chrono::duration<double, std::ratio<60>> answer(flags.answer_minutes);
  return make_communicator(globals.launch,
                           std::chrono::duration_cast<std::chrono::milliseconds>(answer));
}

void cap(TrainOptions& options, const StageFlags& flags) {
  if (flags.max_minutes > 0) options.max_minutes = flags.max_minutes;
}

void say_end(const std::string& title, const StageResult& result, const TrainOptions& options) {
  const auto& [state, wall_s, finished, validation] = result.outcome;
  log_info("{}: {} of {} steps, {} of audio in {}{}", title, state.step, options.steps,
           format_seconds(state.audio_s), format_seconds(wall_s),
           finished ? "" : "; the time cap came first, --resume goes on");
}

// An order that a run has begun with is kept.
void sort_before(const PipelineConfig& config, const Workspace& space, const StageContext& stage) {
  if (!config.sort) return;
  const bool begun = stage.claimed->has_checkpoint() && std::filesystem::exists(space.sorted());
  stage.communicator->first_does([&] {
    if (!begun) run_sort_stage(config, space);
  });
}

// What the verbs print: where the model is and how it does on dev crops.
void answer(const Globals& globals, const std::filesystem::path& model,
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
  StageFlags flags{.sort_before = true};

  StageFlags stage_flags() const {
    StageFlags result = flags;
    result.existing = fresh    ? Existing::kSetAside
                      : resume ? Existing::kGoOn
                               : Existing::kRefuse;
    return result;
  }
};

void add_train_flags(CLI::App* verb, TrainArgs& args, Globals& globals) {
  globals.paths.reads(verb->add_option("CONFIG", args.config, "Pipeline file (.yaml)")->required());
  globals.paths.writes(
      *verb, verb->add_option("--out", args.out, "Folder of the run")->capture_default_str(),
      FileKind::kFolder);
  CLI::Option* resume = verb->add_flag(
      "--resume", args.resume,
      "Go on from the checkpoint in the run's folder, if there is one; with more steps too");
  verb->add_flag("--fresh", args.fresh,
                 "Start again; a run that is there is kept, its folder renamed to NAME.old")
      ->excludes(resume);
  add_number(*verb, "--max-minutes", args.flags.max_minutes, kMinuteBounds,
             "Save and end after so many minutes");
  add_number(*verb, "--answer-minutes", args.flags.answer_minutes, kMinuteBounds,
             "Of several processes: minutes without an answer after which the others end")
      ->capture_default_str();
}

// A model that was trained elsewhere, into a folder where nothing was trained.
void take_teacher(const Supernet& teacher, const Workspace& space, const StageFlags& flags) {
  const bool trained = std::filesystem::exists(space.teacher_dir() / "metrics.jsonl");
  if (trained && flags.existing != Existing::kSetAside &&
      flags.existing != Existing::kGoOnOrSetAside) {
    throw InputError(fmt::format(
        "{} holds a teacher that was trained there: give --fresh to set it aside, or another --out",
        space.teacher_dir().string()));
  }
  const auto alone = lone_communicator();
  if (trained) StageFolder(space.teacher_dir(), Existing::kSetAside, *alone).set_aside_now();
  make_directories(space.teacher_dir());
  save_model(teacher, space.teacher());
}

PipelineConfig parse(const TrainArgs& args, const Globals& globals) {
  ConfigFile file = load_config(args.config, globals);
  return PipelineConfig::parse(file);
}

}  // namespace

void run_teacher_stage(const PipelineConfig& config, const Workspace& space, const Globals& globals,
                       const StageFlags& flags) {
  if (!config.teacher_model.empty()) {
    if (globals.launch.rank > 0) return;
    return take_teacher(load_model(config.teacher_model), space, flags);
  }
  PretrainOptions options = config.teacher;
  cap(options.train, flags);
  ProgressObserver progress("teacher");
  const std::shared_ptr<Communicator> communicator = communicator_of(globals, flags);
  const Manifest manifest = read_manifest(corpus_manifest(config));
  const StageResult result = pretrain_teacher(
      options, config.space, manifest,
      context_of(config, globals, flags, space.teacher_dir(), progress, communicator));
  say_end("teacher", result, options.train);
}

void run_distill_stage(const PipelineConfig& config, const Workspace& space, const Globals& globals,
                       const StageFlags& flags, int32_t stage) {
  DistillOptions options = stage == 1 ? config.stage1 : config.stage2;
  cap(options.train, flags);
  const std::string title = fmt::format("stage {}", stage);
  ProgressObserver progress(title);
  const std::shared_ptr<Communicator> communicator = communicator_of(globals, flags);
  StageContext context =
      context_of(config, globals, flags, space.stage_dir(stage), progress, communicator);
  context.claimed = context.claim();
  if (stage == 2 && flags.sort_before) sort_before(config, space, context);
  const Supernet teacher = load_model(space.teacher());
  std::optional<ModelWithHeads> previous;
  if (options.init == StudentInit::kPreviousStage) {
    const bool sorted = config.sort.has_value();
    previous = {
        load_model(sorted ? space.sorted() : space.student(stage - 1)),
        load_objective(sorted ? space.sorted_objective() : space.objective(stage - 1)).heads};
  }
  const Manifest manifest = read_manifest(corpus_manifest(config));
  const StageResult result = distill_stage(
      options, stage, config.space, teacher, previous ? &*previous : nullptr, manifest, context);
  say_end(title, result, options.train);
}

void add_train_verbs(CLI::App& app, Globals& globals) {
  auto args = std::make_shared<TrainArgs>();
  CLI::App* pretrain =
      app.add_subcommand("pretrain", "Train a teacher by masked unit prediction (HuBERT style)");
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
    const Workspace space{args->out};
    run_teacher_stage(parse(*args, globals), space, globals, args->stage_flags());
    answer(globals, space.teacher(), space.teacher_dir() / "metrics.jsonl");
  });

  CLI::App* train = app.add_subcommand(
      "train", "Distil the teacher: 1 into a student of full size, 2 into the elastic supernet");
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
  add_number(*train, "--stage", args->stage, {1, 2}, "1 or 2")->required();
  train->callback([args, &globals] {
    const Workspace space{args->out};
    const PipelineConfig config = parse(*args, globals);
    run_distill_stage(config, space, globals, args->stage_flags(), args->stage);
    answer(globals, space.student(args->stage), space.stage_dir(args->stage) / "metrics.jsonl");
  });
}

}  // namespace concertina
