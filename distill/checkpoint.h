// Where a training run goes on from: a folder of step-NNNNNNNNN.safetensors, each one file with
// everything in it (parameters, heads, moments, step, totals, seed, recipe), so that there is never
// a half-written checkpoint.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "distill/adamw.h"
#include "supernet/model/parameters.h"

namespace concertina {

struct TrainState {
  int64_t step = 0;     // steps done
  double audio_s = 0;   // audio trained on
  double wall_s = 0;    // time spent, over all sessions
  int64_t skipped = 0;  // steps left out because numbers went bad
  int64_t bad_in_a_row = 0;
};

class CheckpointFolder {
 public:
  // `recipe`: text that settles every number of the run (options, seed, data, teacher). Checkpoints
  // of another recipe are never restored.
  CheckpointFolder(std::filesystem::path folder, std::string recipe);

  const std::filesystem::path& folder() const { return folder_; }
  bool empty() const;
  // Keeps the newest checkpoint only. SystemError leaves the one before as it was.
  void save(const TrainState& state, const Parameters& parameters, const AdamW& optimizer) const;
  // Reads the newest one; nothing when there is none. InputError when it is damaged.
  std::optional<TrainState> restore(const Parameters& parameters, AdamW& optimizer) const;
  // True when the newest checkpoint was made by another recipe.
  bool foreign() const;
  // Moves the folder out of the way, to FOLDER.old; an older one there is removed.
  std::filesystem::path set_aside() const;

 private:
  std::optional<std::filesystem::path> newest() const;
  std::filesystem::path folder_;
  std::string recipe_;
};

}  // namespace concertina
