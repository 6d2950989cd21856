// Teacher rows (distill/objective/rows.h) of all training audio on disk, so that teachers run once
// instead of in every step. One safetensors file: `targets` [frames, D] F16, or I8 with `scales`
// [frames, columns] F32, for every 20 ms frame of the joined clips. Each row is a block of columns,
// named in the metadata; the file is named by rows, teachers and data, so that objectives with equal
// rows share it. They are computed in windows (distill/data/target_windows.h).
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

struct TargetColumn {  // a block of columns
  std::string row;     // name
  int64_t dim = 0;
};

class TargetCache {
 public:
  struct Source {
    const JoinedClips& clips;
    std::vector<Subnet> teachers;  // on the device they run on, all of one base frame period
    Blueprint student;             // whose frames the rows are for
    std::vector<Row> rows;         // none of a masked pass; at least one
    BatchOptions batch;            // of training: determines the length of a window
    std::string fingerprint;       // of data, teachers and dtype; part of the file's name
  };
  // Opens the file in `folder`, or computes it: its size is logged and allocated first, and an
  // interrupted pass is resumed. SystemError when it does not fit the disk; Interrupted.
  TargetCache(const std::filesystem::path& folder, const Source& source, CacheDtype dtype,
              const StopToken& stop);

  // All columns: [frames, D] fp32; thread-safe.
  at::Tensor read(int64_t first_frame, int64_t frames) const;
  // Copies frames to the beginning of item `item` of `rows`, each [B, T, dim]; thread-safe.
  void read(int64_t first_frame, int64_t frames, int64_t item, Rows& rows) const;
  const std::vector<TargetColumn>& columns() const { return columns_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  std::vector<TargetColumn> columns_;
  at::Tensor targets_, scales_;  // mapped; scales_ is undefined for fp16
};

}  // namespace concertina
