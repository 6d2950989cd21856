#include "distill/train/stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/errors.h"
#include "core/files.h"
#include "core/log.h"
#include "core/replace_folder.h"
#include "distill/objective/objective_file.h"
#include "distill/train/consistency.h"
#include "distill/train/metrics_file.h"
#include "distill/train/snapshots.h"
#include "distill/train/tensorboard.h"
#include "supernet/model/model_file.h"
#include "supernet/nn/precision.h"

namespace concertina {
namespace {

void write_model(Learner& learner, const std::string& provenance, Precision dtype,
                 const std::filesystem::path& folder) {
  save_objective(learner.objective(), learner.heads(), learner.state(),
                 folder / "objective.safetensors");
  save_model(learner.student(provenance), folder / "model.safetensors", scalar_type(dtype));
}

// Keeps the model of the best validation in a folder of its own.
class BestModel : public TrainObserver {
 public:
  BestModel(Learner& learner, std::string fingerprint, Precision dtype,
            std::filesystem::path folder)
      : learner_(learner),
        fingerprint_(std::move(fingerprint)),
        dtype_(dtype),
        folder_(std::move(folder)) {}
  void on_validation(const ValidationReport& report) override {
    if (!report.best) return;
    const std::string provenance = provenance_json(fingerprint_, report.step);
    replace_folder(folder_,
                   [&](const auto& fresh) { write_model(learner_, provenance, dtype_, fresh); });
  }

 private:
  Learner& learner_;
  std::string fingerprint_;
  Precision dtype_;
  std::filesystem::path folder_;
};

class Snapshots : public TrainObserver {
 public:
  Snapshots(const Learner& learner, std::string fingerprint, Precision dtype,
            std::filesystem::path folder)
      : learner_(learner),
        fingerprint_(std::move(fingerprint)),
        dtype_(dtype),
        folder_(std::move(folder)) {}
  void on_snapshot(int64_t step) override {
    make_directories(folder_);
    save_model(learner_.student(provenance_json(fingerprint_, step)), snapshot_file(folder_, step),
               scalar_type(dtype_));
  }

 private:
  const Learner& learner_;
  std::string fingerprint_;
  Precision dtype_;
  std::filesystem::path folder_;
};

// InputError at every process, with the keys that differ, unless all have the same settings.
void check_processes(const std::string& fingerprint, const TrainOptions& options,
                     const StageContext& context) {
  const std::string device = c10::DeviceTypeName(context.device.type(), /*lower_case=*/true);
  check_same_settings(*context.communicator, fingerprint,
                      {{"guard", fmt::format("{}", options.optimizer.guard)},
                       {"sharded", fmt::format("{}", options.optimizer.sharded)},
                       {"device", device}});
}

}  // namespace

void check_audio(const Blueprint& blueprint) {
  constexpr int32_t kSampleRate = 16000, kFrameUs = 20000;
  if (blueprint.sample_rate == kSampleRate && blueprint.base_frame_period_us() == kFrameUs) return;
  throw InputError(fmt::format(
      "the space's blueprint has audio of {} Hz and base frames of {} ms; training reads audio of "
      "{} Hz and needs base frames of {} ms",
      blueprint.sample_rate, blueprint.base_frame_period_us() / 1000.0, kSampleRate,
      kFrameUs / 1000));
}

std::shared_ptr<StageFolder> StageContext::open_folder() const {
  return opened ? opened : std::make_shared<StageFolder>(folder, existing, *communicator);
}

PreparedStage prepare_stage(ConfigFingerprint fingerprint, const TrainOptions& options,
                            const StageContext& context) {
  PreparedStage stage{.folder = context.open_folder(),
                      .augmentation = make_augmentation(options.augment),
                      .fingerprint = std::move(fingerprint)};
  stage.fingerprint.seed = context.seed;
  stage.fingerprint.dtype = enum_name(options.dtype);
  auto& inputs = stage.fingerprint.inputs;
  inputs.merge(noise_input(stage.augmentation));
  if (!options.init_from.empty()) {
    stage.start = load_model_with_heads(options.init_from);
    inputs["init_from"] = weights_sha256(stage.start->model);
  }
  check_processes(to_json(stage.fingerprint), options, context);
  stage.dtype = stage.folder->reconcile(stage.fingerprint, options.dtype, context.device);
  return stage;
}

StageData stage_data(const Manifest& manifest, const Blueprint& blueprint,
                     const BatchOptions& batch) {
  const auto joined = [&](Split split) {
    return JoinedClips(manifest, split, blueprint.base_frame_samples(), batch.source_weight);
  };
  const bool has_dev = std::any_of(manifest.clips.begin(), manifest.clips.end(),
                                   [](const Clip& clip) { return clip.split == Split::kDev; });
  if (!has_dev) log_info("no dev clips in the manifest: validation reads training clips");
  return {joined(Split::kTrain), joined(has_dev ? Split::kDev : Split::kTrain), blueprint, batch};
}

StageBatches stage_batches(const StageData& data, BatchContents training, BatchContents validation,
                           const Rng& rng, BatchShard shard) {
  const Rng training_rng = rng.fork("training"), validation_rng = rng.fork("validation");
  return {make_batch_source({data.training, data.blueprint, data.options, std::move(training),
                             training_rng, shard}),
          make_batch_source({data.validation, data.blueprint, data.options, std::move(validation),
                             validation_rng})};
}

StageResult run_stage(Learner& learner, const StageBatches& batches, const TrainOptions& options,
                      const std::string& fingerprint, const StageContext& context) {
  Communicator& communicator = *context.communicator;
  const bool writes_files = communicator.is_rank_zero();
  const CheckpointFolder checkpoints(context.folder / "checkpoint", fingerprint,
                                     options.checkpoint.keep);
  MetricsFile metrics(context.folder / "metrics.jsonl");
  TensorBoard tensorboard(context.folder);
  BestModel best(learner, fingerprint, options.save_dtype, context.folder / "best");
  Snapshots snapshots(learner, fingerprint, options.save_dtype, context.folder / kSnapshots);
  std::vector<TrainObserver*> observers;
  if (writes_files) {
    remove_leftovers(context.folder);
    write_atomically(context.folder / "config.yaml", yaml_of(fingerprint));
    observers = {&metrics, &tensorboard, &snapshots};
    if (options.checkpoint.best) observers.push_back(&best);
    observers.insert(observers.end(), context.observers.begin(), context.observers.end());
  }
  Trainer trainer({.learner = learner,
                   .training = *batches.training,
                   .validation = *batches.validation,
                   .options = options,
                   .checkpoints = checkpoints,
                   .observers = std::move(observers),
                   .communicator = communicator});
  TrainOutcome outcome = trainer.run(context.stop);
  const std::string provenance = provenance_json(fingerprint, outcome.state.step);
  const ExchangedWeights saved = trainer.use_saved_weights();
  if (writes_files) write_model(learner, provenance, options.save_dtype, context.folder);
  return {learner.student(provenance), std::move(outcome)};
}

}  // namespace concertina
