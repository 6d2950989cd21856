// The teacher's targets of all training audio on disk, so that the teacher runs once instead of in
// every step. One safetensors file: `targets` [frames, D] F16, or I8 with `scales` [frames] F32, a
// row for every 20 ms frame of the joined clips. They are computed in windows
// (distill/data/target_windows.h).
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "core/stop.h"
#include "distill/data/options.h"
#include "distill/objective/objective.h"
#include "speech/joined_clips.h"

namespace concertina {

class TargetCache {
 public:
  struct Source {
    const JoinedClips& clips;
    const Subnet& teacher;  // on the device it runs on
    const Objective& objective;
    BatchOptions batch;       // of training: determines the length of a window
    std::string fingerprint;  // of data, teacher and dtype; part of the file's name
  };
  // Opens the file in `folder`, or computes it: its size is logged and allocated first, and an
  // interrupted pass is resumed. SystemError when it does not fit the disk; Interrupted.
  TargetCache(const std::filesystem::path& folder, const Source& source, CacheDtype dtype,
              const StopToken& stop);

  at::Tensor read(int64_t first_frame, int64_t frames) const;  // [frames, D] fp32; thread-safe
  int64_t dim() const { return targets_.size(1); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  at::Tensor targets_, scales_;  // mapped; scales_ is undefined for fp16
};

}  // namespace concertina
