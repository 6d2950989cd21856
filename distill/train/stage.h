// What the training stages share: where a stage lives, how it resumes, and the files it leaves in
// its folder: model.safetensors, objective.safetensors, metrics.jsonl, config.yaml,
// checkpoint/ and best/ (model and objective of the best validation).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/stop.h"
#include "distill/train/recipe.h"
#include "distill/train/stage_folder.h"
#include "distill/train/trainer.h"
#include "speech/manifest.h"

namespace concertina {

struct StageContext {
  std::filesystem::path folder;
  std::filesystem::path targets;  // caches of teacher targets; empty: FOLDER/targets
  uint64_t seed = 0;
  at::Device device = at::kCPU;
  Existing existing = Existing::kGoOnOrSetAside;  // a run that is in the folder already
  std::shared_ptr<StageFolder> claimed;           // by the caller; null: the stage claims it itself
  StopToken stop;
  std::vector<TrainObserver*> observers;
  // The processes that train together. The first one owns every file; observers are its own too.
  std::shared_ptr<Communicator> communicator = lone_communicator();
  BatchShare share() const { return {communicator->rank(), communicator->size()}; }
  std::shared_ptr<StageFolder> claim() const;
};

struct StageData {
  JoinedClips training, validation;
};

struct StageResult {
  Supernet model;
  TrainOutcome outcome;
};

// InputError unless the model hears what corpora hold, audio of 16 kHz, and has base frames of
// 20 ms, those of units and targets.
void check_audio(const Blueprint& blueprint);

// InputError at every process, with the keys that differ, unless all are to do the same.
void check_processes(const std::string& recipe, const TrainOptions& options,
                     const StageContext& context);

// Validation reads the dev split, or training clips (with a log line) where the manifest has no dev
// clip.
StageData stage_data(const Manifest& manifest, const Blueprint& blueprint,
                     const BatchOptions& batch);

// A model to start from and the heads trained with it.
struct ModelWithHeads {
  Supernet model;
  TensorMap heads;
};
// What `init_from` names: the folder of a finished stage. InputError when it has no model.
ModelWithHeads load_start(const std::filesystem::path& folder);
// Puts the start's tensors into a run's; InputError names the first that is missing, left over or of
// another shape, for a warm start takes all of them.
void take_all(TensorMap& weights, std::vector<Parameters::Init>& heads, const ModelWithHeads& start,
              const std::filesystem::path& folder);

// Trains and writes the stage's files into a folder that the caller has claimed and settled. Errors:
// see Trainer::run.
StageResult run_stage(Learner& learner, const BatchSource& training, const BatchSource& validation,
                      const TrainOptions& options, const std::string& recipe,
                      const StageContext& context);

// Mean and standard deviation of each log-mel bin over sampled training crops, put into `weights`.
void set_mel_statistics(TensorMap& weights, const Blueprint& blueprint, const CropSource& crops);

}  // namespace concertina
