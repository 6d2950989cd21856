// The folder of a training stage, from before anything is written there until the stage ends: its
// lock, and what a run that is already there means for the one that begins.
#pragma once

#include <ATen/ATen.h>

#include <filesystem>
#include <memory>

#include "core/folder_lock.h"
#include "distill/train/communicator.h"
#include "distill/train/options.h"
#include "distill/train/recipe.h"

namespace concertina {

// What to do about a run that is there. A run is a checkpoint or a model; it is never written over.
enum class Existing {
  kRefuse,          // InputError
  kGoOn,            // goes on from its checkpoint; InputError when that was another run's
  kGoOnOrSetAside,  // the same, but another run's folder is set aside
  kSetAside,        // the whole folder is renamed to FOLDER.old, FOLDER.old2, ...
};

// Not thread-safe. Processes other than the first own nothing here: they hear what it decided.
class StageFolder {
 public:
  // The first process takes the lock (SystemError when another process trains there) and refuses
  // or sets aside what it can tell without a recipe.
  StageFolder(std::filesystem::path folder, Existing existing, Communicator& communicator);

  const std::filesystem::path& path() const { return path_; }
  bool has_checkpoint() const;
  void set_aside_now();  // what settle() would; for a caller that has no recipe

  // Completes the recipe with the dtype to compute in, which for `auto` is that of the checkpoint
  // where there is one, and compares it with the checkpoint's: InputError lists the keys that
  // differ, or the folder is set aside. Nothing has been written before. Called by all processes.
  at::ScalarType settle(RecipeParts& parts, Precision dtype, at::Device device);

 private:
  void refuse_or_set_aside();
  void compare(RecipeParts& parts, Precision dtype, at::Device device);
  void set_aside();

  std::filesystem::path path_;
  Existing existing_;
  Communicator& communicator_;
  std::unique_ptr<FolderLock> lock_;
  bool old_ = false;  // what is there is set aside once all processes agree
};

}  // namespace concertina
