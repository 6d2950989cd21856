#include "distill/train/stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "core/errors.h"
#include "core/files.h"
#include "core/log.h"
#include "core/replace_folder.h"
#include "distill/objective/objective_file.h"
#include "distill/train/agreement.h"
#include "distill/train/metrics_file.h"
#include "distill/train/tensorboard.h"
#include "supernet/model/model_file.h"
#include "supernet/nn/mel.h"

namespace concertina {
namespace {

constexpr double kMelSeconds = 900;  // of audio behind the mel statistics

at::Tensor fitting(const TensorMap& tensors, const std::string& name, const at::Tensor& like,
                   const std::filesystem::path& folder) {
  const auto found = tensors.find(name);
  if (found == tensors.end() || found->second.sizes() != like.sizes()) {
    throw InputError(fmt::format(
        "init_from: {} in {} {}: a warm start takes a run of the same "
        "space and objective",
        name, folder.string(), found == tensors.end() ? "is missing" : "has another shape"));
  }
  return found->second.to(like.scalar_type()).clone();
}

void write_model(const Learner& learner, const std::string& provenance,
                 const std::filesystem::path& folder) {
  save_objective(learner.objective(), learner.heads(), folder / "objective.safetensors");
  save_model(learner.student(provenance), folder / "model.safetensors");
}

// Keeps the model of the best validation in a folder of its own.
class BestModel : public TrainObserver {
 public:
  BestModel(const Learner& learner, std::string recipe, std::filesystem::path folder)
      : learner_(learner), recipe_(std::move(recipe)), folder_(std::move(folder)) {}
  void on_validation(const ValidationReport& report) override {
    if (!report.best) return;
    const std::string provenance = provenance_json(recipe_, report.step);
    replace_folder(folder_, [&](const auto& fresh) { write_model(learner_, provenance, fresh); });
  }

 private:
  const Learner& learner_;
  std::string recipe_;
  std::filesystem::path folder_;
};

}  // namespace

void check_audio(const Blueprint& blueprint) {
  constexpr int32_t kSampleRate = 16000, kFrameUs = 20000;
  if (blueprint.sample_rate == kSampleRate && blueprint.base_frame_period_us() == kFrameUs) return;
  throw InputError(fmt::format(
      "the space's blueprint hears audio of {} Hz in base frames of {} ms; training reads audio of "
      "{} Hz and needs base frames of {} ms",
      blueprint.sample_rate, blueprint.base_frame_period_us() / 1000.0, kSampleRate,
      kFrameUs / 1000));
}

void check_processes(const std::string& recipe, const TrainOptions& options,
                     const StageContext& context) {
  const std::string device = c10::DeviceTypeName(context.device.type(), /*lower_case=*/true);
  check_same_settings(*context.communicator, recipe,
                      {{"guard", fmt::format("{}", options.optimizer.guard)}, {"device", device}});
}

StageData stage_data(const Manifest& manifest, const Blueprint& blueprint,
                     const BatchOptions& batch) {
  const auto joined = [&](Split split) {
    return JoinedClips(manifest, split, blueprint.base_frame_samples(), batch.source_weight);
  };
  const bool has_dev = std::any_of(manifest.clips.begin(), manifest.clips.end(),
                                   [](const Clip& clip) { return clip.split == Split::kDev; });
  if (!has_dev) log_info("no dev clips in the manifest: validation reads training clips");
  return {joined(Split::kTrain), joined(has_dev ? Split::kDev : Split::kTrain)};
}

std::shared_ptr<StageFolder> StageContext::claim() const {
  return claimed ? claimed : std::make_shared<StageFolder>(folder, existing, *communicator);
}

ModelWithHeads load_start(const std::filesystem::path& folder) {
  return {load_model(folder / "model.safetensors"),
          load_objective(folder / "objective.safetensors").heads};
}

void take_all(TensorMap& weights, std::vector<Parameters::Init>& heads, const ModelWithHeads& start,
              const std::filesystem::path& folder) {
  const TensorMap& from = start.model.weights();
  for (auto& [name, tensor] : weights) tensor = fitting(from, name, tensor, folder);
  for (const auto& [name, tensor] : from) {
    if (!weights.contains(name)) {
      throw InputError(
          fmt::format("init_from: this run has no place for {} of {}: a warm start "
                      "takes a run of the same space and objective",
                      name, folder.string()));
    }
  }
  for (Parameters::Init& head : heads) {
    head.value = fitting(start.heads, head.name, head.value, folder);
  }
}

StageResult run_stage(Learner& learner, const BatchSource& training, const BatchSource& validation,
                      const TrainOptions& options, const std::string& recipe,
                      const StageContext& context) {
  Communicator& communicator = *context.communicator;
  const CheckpointFolder checkpoints(context.folder / "checkpoint", recipe,
                                     options.checkpoint.keep);
  if (!communicator.first()) {
    Trainer trainer(learner, training, validation, options, checkpoints, {}, communicator);
    TrainOutcome outcome = trainer.run(context.stop);
    return {learner.student(provenance_json(recipe, outcome.state.step)), std::move(outcome)};
  }
  remove_leftovers(context.folder);
  write_atomically(context.folder / "config.yaml", yaml_of(recipe));
  MetricsFile metrics(context.folder / "metrics.jsonl");
  BestModel best(learner, recipe, context.folder / "best");
  TensorBoard tensorboard(context.folder);
  std::vector<TrainObserver*> observers = {&metrics, &tensorboard};
  if (options.checkpoint.best) observers.push_back(&best);
  observers.insert(observers.end(), context.observers.begin(), context.observers.end());

  Trainer trainer(learner, training, validation, options, checkpoints, observers, communicator);
  TrainOutcome outcome = trainer.run(context.stop);
  const std::string provenance = provenance_json(recipe, outcome.state.step);
  write_model(learner, provenance, context.folder);
  return {learner.student(provenance), std::move(outcome)};
}

void set_mel_statistics(TensorMap& weights, const Blueprint& blueprint, const CropSource& crops) {
  if (blueprint.front_end != FrontEndKind::kLogMel) return;
  const MelOptions options = mel_options(blueprint);
  at::Tensor sum = at::zeros({options.bins}, at::kDouble), squares = at::zeros_like(sum);
  double seconds = 0, frames = 0;
  for (int64_t step = 0; seconds < kMelSeconds; ++step) {
    const Crops batch = crops.at(step);
    const at::Tensor mel = log_mel(batch.speech.waveform, options).flatten(0, 1).to(at::kDouble);
    sum += mel.sum(0);
    squares += mel.square().sum(0);
    frames += static_cast<double>(mel.size(0));
    seconds += batch.seconds;
  }
  const at::Tensor mean = sum / frames;
  const at::Tensor deviation = (squares / frames - mean.square()).clamp_min(1e-6).sqrt();
  weights.at(tensor_name(TensorModule::kMelMean)) = mean.to(at::kFloat);
  weights.at(tensor_name(TensorModule::kMelStd)) = deviation.to(at::kFloat);
}

}  // namespace concertina
