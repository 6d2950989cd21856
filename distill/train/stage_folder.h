// The folder of a training stage, from before anything is written there until the stage ends: its
// lock, and what happens to a run that it already holds.
#pragma once

#include <ATen/ATen.h>

#include <filesystem>
#include <memory>

#include "core/files.h"
#include "core/folder_lock.h"
#include "core/precision.h"
#include "distill/train/communicator.h"
#include "distill/train/config_fingerprint.h"
#include "distill/train/options.h"

namespace concertina {

// What to do with an existing run, which is a checkpoint or a model; it is never overwritten.
enum class Existing {
  kReject,            // InputError
  kResume,            // from its checkpoint; InputError when its settings differ
  kResumeOrSetAside,  // the same, but a run with other settings, or no checkpoint, is set aside
  kSetAside,          // the whole folder is renamed ("set aside") to FOLDER.old, FOLDER.old2, ...
};

// Not thread-safe. Rank 0 owns the folder; the other processes get its decisions.
class StageFolder {
 public:
  // Rank 0 locks the folder (SystemError when another process trains there) and rejects an existing
  // run where that does not depend on the settings.
  StageFolder(std::filesystem::path folder, Existing existing, Communicator& communicator);

  const std::filesystem::path& path() const { return path_; }
  bool has_checkpoint() const;
  void set_aside_if_due();  // as reconcile() does; for a caller without a fingerprint

  // Sets the fingerprint's dtype, which for `auto` is that of the checkpoint where there is one, and
  // compares the fingerprint with the checkpoint's: InputError lists the keys that differ, or the
  // folder is set aside. Nothing is written before. Called by all processes.
  at::ScalarType reconcile(ConfigFingerprint& fingerprint, Precision dtype, at::Device device);

 private:
  void check_existing();
  void compare(ConfigFingerprint& fingerprint, Precision dtype, at::Device device);
  void set_aside();

  std::filesystem::path path_;
  Existing existing_;
  Communicator& communicator_;
  std::unique_ptr<FolderLock> lock_;
  bool set_aside_due_ = false;  // done once the settings of all processes are checked
};

}  // namespace concertina
