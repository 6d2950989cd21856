// What the training stages share: where a stage runs, how it resumes, and the files in its folder:
// model.safetensors, objective.safetensors, metrics.jsonl, config.yaml, checkpoint/, best/ (model
// and objective of the best validation) and snapshots/ (distill/train/snapshots.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/stop.h"
#include "distill/train/config_fingerprint.h"
#include "distill/train/stage_folder.h"
#include "distill/train/trainer.h"
#include "distill/train/warm_start.h"
#include "speech/manifest.h"

namespace concertina {

inline constexpr const char* kSnapshots = "snapshots";  // in a stage's folder

struct StageContext {
  std::filesystem::path folder;
  std::filesystem::path targets;  // caches of teacher targets; empty: FOLDER/targets
  uint64_t seed = 0;
  at::Device device = at::kCPU;
  Existing existing = Existing::kResume;  // what to do with a run in the folder
  std::shared_ptr<StageFolder> opened;    // already opened by the caller; null: the stage opens it
  StopToken stop;
  std::vector<TrainObserver*> observers;
  // The processes that train together. Rank 0 writes every file; observers are called there only.
  std::shared_ptr<Communicator> communicator = single_process_communicator();
  BatchShard shard() const { return {communicator->rank(), communicator->world_size()}; }
  std::shared_ptr<StageFolder> open_folder() const;
};

// InputError unless the model's input is audio of 16 kHz, as in corpora, and its base frames are
// those of units and targets, 20 ms.
void check_audio(const Blueprint& blueprint);

// A stage whose settings are checked, before anything is written.
struct PreparedStage {
  std::shared_ptr<StageFolder> folder;               // locked
  std::shared_ptr<const Augmentation> augmentation;  // null: none
  std::optional<ModelWithHeads> start;               // of `init_from`
  ConfigFingerprint fingerprint;                     // complete
  at::ScalarType dtype = at::kFloat;
};

// Opens the folder, completes the fingerprint (seed, dtype, hashes of noise clips and `init_from`),
// checks that all processes have the same settings, and reconciles it with a run in the folder.
PreparedStage prepare_stage(ConfigFingerprint fingerprint, const TrainOptions& options,
                            const StageContext& context);

struct StageData {
  JoinedClips training, validation;
  Blueprint blueprint;
  BatchOptions options;
};
// Validation reads the dev split, or training clips (with a log line) where the manifest has no dev
// clip.
StageData stage_data(const Manifest& manifest, const Blueprint& blueprint,
                     const BatchOptions& batch);

struct StageBatches {
  std::unique_ptr<BatchSource> training, validation;
};
// `data` must outlive them. Validation batches are not sharded.
StageBatches stage_batches(const StageData& data, BatchContents training, BatchContents validation,
                           const Rng& rng, BatchShard shard);

struct StageResult {
  Supernet model;
  TrainOutcome outcome;
};

// Trains, and writes the stage's files into a folder that was prepared. Errors: see Trainer::run.
StageResult run_stage(Learner& learner, const StageBatches& batches, const TrainOptions& options,
                      const std::string& fingerprint, const StageContext& context);

}  // namespace concertina
