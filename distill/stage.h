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
#include "distill/recipe.h"
#include "distill/trainer.h"
#include "speech/manifest.h"

namespace concertina {

enum class Resume {
  kFresh,   // InputError when the folder already holds a checkpoint
  kIfSame,  // goes on from a checkpoint of the same recipe; one of another recipe is set aside
};

struct StageContext {
  std::filesystem::path folder;
  std::filesystem::path targets;  // caches of teacher targets; empty: FOLDER/targets
  uint64_t seed = 0;
  at::Device device = at::kCPU;
  Resume resume = Resume::kIfSame;
  StopToken stop;
  std::vector<TrainObserver*> observers;
  // The processes that train together. The first one owns every file; observers are its own too.
  std::shared_ptr<Communicator> communicator = lone_communicator();
  BatchShare share() const { return {communicator->rank(), communicator->size()}; }
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

// Trains and writes the stage's files. Errors: see Trainer::run; SystemError when another process
// trains in the folder.
StageResult run_stage(Learner& learner, const BatchSource& training, const BatchSource& validation,
                      const TrainOptions& options, const std::string& recipe,
                      const StageContext& context);

// Mean and standard deviation of each log-mel bin over sampled training crops, put into `weights`.
void set_mel_statistics(TensorMap& weights, const Blueprint& blueprint, const CropSource& crops);

}  // namespace concertina
