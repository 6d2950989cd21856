// Teacher rows (distill/objective/rows.h) of all training audio on disk, so that teachers run once
// instead of in every step. One safetensors file: `targets` [frames, D] F16, or I8 with `scales`
// [frames, columns] F32, for every 20 ms frame of the joined clips. Each row is a block of columns,
// named in the metadata; the file is named by rows, teachers and data, so that objectives with equal
// rows share it. They are computed in windows (distill/data/target_windows.h).
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <filesystem>

#include "core/stop.h"
#include "distill/data/stored_rows.h"
#include "distill/data/window_rows.h"

namespace concertina {

class TargetCache : public Targets {
 public:
  using Source = TargetSource;
  // Opens the file in `folder`, or computes it: its size is logged and allocated first, and an
  // interrupted pass is resumed. SystemError when it does not fit the disk; Interrupted.
  TargetCache(const std::filesystem::path& folder, const Source& source, CacheDtype dtype,
              const StopToken& stop);

  at::Tensor read(int64_t first_frame, int64_t frames) const override;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  StoredRows rows_;  // mapped
};

}  // namespace concertina
