// Checkpoints of a training run: a folder of step-NNNNNNNNN.safetensors, each one file with the whole
// training state (parameters, heads, moments, update counts, the objective's state, step, totals, config
// fingerprint), so
// that none is ever half-written. The bytes of a checkpoint depend on fingerprint, step, device and
// threads only; the wall time is in clock.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "distill/train/adamw.h"
#include "distill/train/train_state.h"
#include "supernet/model/parameters.h"

namespace concertina {

// Not thread-safe; one process writes a folder at a time.
class CheckpointFolder {
 public:
  // `fingerprint`: the run's config fingerprint, written into checkpoints as metadata `recipe`;
  // StageFolder compares it before a run is resumed. The newest `keep` are kept.
  CheckpointFolder(std::filesystem::path folder, std::string fingerprint, int32_t keep = 1);

  const std::filesystem::path& folder() const { return folder_; }
  bool empty() const;
  // SystemError leaves older ones as they were.
  void save(const TrainProgress& progress, const Parameters& parameters,
            const OptimizerState& optimizer, const TensorMap& state = {}) const;
  // The same, but no older one is removed: they may be needed.
  void save_keeping_older(const TrainProgress& progress, const Parameters& parameters,
                          const OptimizerState& optimizer, const TensorMap& state = {}) const;
  // Reads the newest one; nothing when there is none. A damaged one is renamed to NAME.damaged with
  // a warning and the one before it is read; InputError when none is left, or none fits.
  // The tensors of `optimizer` are filled. `state`, when given, receives the objective's.
  std::optional<TrainProgress> restore(const Parameters& parameters,
                                       const OptimizerState& optimizer,
                                       TensorMap* state = nullptr) const;
  // Of the newest readable one, found like restore() does; nothing when there is none.
  struct Newest {
    std::string fingerprint;
    int64_t step = 0;
  };
  std::optional<Newest> newest() const;

 private:
  std::filesystem::path folder_;
  std::string fingerprint_;
  int32_t keep_;
};

}  // namespace concertina
