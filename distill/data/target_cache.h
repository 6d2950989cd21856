// The teacher's targets of all training audio on disk, so that the teacher runs once instead of in
// every step. One safetensors file: `targets` [frames, D] F16, or I8 with `scales` [frames] F32, a
// row for every 20 ms frame of the joined clips.
//
// The teacher hears as much at once as in training: windows of a crop's length that overlap by a
// third, or whole clips, those longer than `longest` in such windows of that length. So targets
// that are normalised over time have the scale of those of crops; they differ a little from frame
// to frame, for a crop does not begin where a window does.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/stop.h"
#include "distill/data/options.h"
#include "distill/objective/objective.h"
#include "speech/joined_clips.h"

namespace concertina {

// A part of the stream that the teacher hears at once, and the part of it whose targets are kept.
struct TargetWindow {
  int64_t first = 0, frames = 0;            // of the stream
  int64_t kept_first = 0, kept_frames = 0;  // of the stream
};
std::vector<TargetWindow> target_windows(const JoinedClips& clips, const Blueprint& blueprint,
                                         const BatchOptions& batch);

int64_t target_bytes(int64_t frames, int64_t dim, CacheDtype dtype);

class TargetCache {
 public:
  struct Source {
    const JoinedClips& clips;
    const Subnet& teacher;  // on the device it runs on
    const Objective& objective;
    BatchOptions batch;   // of training: how much is heard at once
    std::string made_by;  // text that settles the numbers; names the file with the rest
  };
  // Opens the file in `folder`, or makes it: its size is logged and its room taken first, and a
  // pass that was stopped goes on where it was. SystemError when it does not fit the disk;
  // Interrupted.
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
