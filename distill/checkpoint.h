// Where a training run goes on from: a folder of step-NNNNNNNNN.safetensors, each one file with
// everything in it that settles the run's further numbers (parameters, heads, moments, update
// counts, step, totals, recipe), so that there is never a half-written checkpoint. The bytes of a
// checkpoint depend on recipe, step, device and threads only; time spent is kept beside them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "distill/adamw.h"
#include "supernet/model/parameters.h"

namespace concertina {

struct TrainState {
  int64_t step = 0;      // steps done
  double audio_s = 0;    // audio trained on
  double mean_loss = 0;  // running mean over the steps that counted
  int64_t skipped = 0;   // steps left out because numbers went bad
  int64_t bad_in_a_row = 0;
  int64_t best_step = 0;  // of the lowest validation loss; 0: none yet
  double best_loss = 0;
};

struct Progressed {
  TrainState state;
  double wall_s = 0;  // time spent, over all sessions
};

// Not thread-safe; one process writes a folder at a time.
class CheckpointFolder {
 public:
  // `recipe`: text that settles every number of the run (options, seed, data, teacher). Checkpoints
  // of another recipe are never restored. The newest `keep` are kept.
  CheckpointFolder(std::filesystem::path folder, std::string recipe, int32_t keep = 1);

  const std::filesystem::path& folder() const { return folder_; }
  bool empty() const;
  // SystemError leaves the ones before as they were.
  void save(const Progressed& progress, const Parameters& parameters, const AdamW& optimizer) const;
  // Reads the newest one; nothing when there is none. A damaged one is renamed to NAME.damaged with
  // a warning and the one before it is taken; InputError when none is left, or none fits.
  std::optional<Progressed> restore(const Parameters& parameters, AdamW& optimizer) const;
  // True when the newest readable checkpoint was made by another recipe.
  bool foreign() const;
  // Moves the folder out of the way, to the first free of FOLDER.old, FOLDER.old2, ...
  std::filesystem::path set_aside() const;

 private:
  std::filesystem::path folder_;
  std::string recipe_;
  int32_t keep_;
};

}  // namespace concertina
