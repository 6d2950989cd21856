// Where a training run goes on from: a folder of step-NNNNNNNNN.safetensors, each one file with
// everything in it that settles the run's further numbers (parameters, heads, moments, update
// counts, step, totals, recipe), so that there is never a half-written checkpoint. The bytes of a
// checkpoint depend on recipe, step, device and threads only; time spent is kept beside them.
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
  // `recipe`: text that settles every number of the run (options, seed, data, teacher), written into
  // checkpoints; StageFolder sees to it that a run goes on from its own only. The newest `keep` are
  // kept.
  CheckpointFolder(std::filesystem::path folder, std::string recipe, int32_t keep = 1);

  const std::filesystem::path& folder() const { return folder_; }
  bool empty() const;
  // SystemError leaves the ones before as they were.
  void save(const Progressed& progress, const Parameters& parameters, const AdamW& optimizer) const;
  // The same, and no older one is removed: where this one may not be what to go on from.
  void add(const Progressed& progress, const Parameters& parameters, const AdamW& optimizer) const;
  // Reads the newest one; nothing when there is none. A damaged one is renamed to NAME.damaged with
  // a warning and the one before it is taken; InputError when none is left, or none fits.
  std::optional<Progressed> restore(const Parameters& parameters, AdamW& optimizer) const;
  // Of the newest readable one, found like restore() does; nothing when there is none.
  struct Newest {
    std::string recipe;
    int64_t step = 0;
  };
  std::optional<Newest> newest() const;

 private:
  std::filesystem::path folder_;
  std::string recipe_;
  int32_t keep_;
};

}  // namespace concertina
