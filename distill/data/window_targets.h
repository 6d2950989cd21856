// The targets that a cache would hold (distill/data/target_cache.h), computed where they are read, for
// validation while training reads a cache: the same windows with context and the same rounding, so
// that both losses are over the same kind of targets. What was computed is kept in memory, up to
// 256 MB: each validation reads the same crops.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "distill/data/stored_rows.h"
#include "distill/data/window_rows.h"

namespace concertina {

class WindowTargets : public Targets {
 public:
  WindowTargets(TargetSource source, CacheDtype dtype);  // `source.clips` must outlive it
  at::Tensor read(int64_t first_frame, int64_t frames) const override;

 private:
  at::Tensor targets_of(size_t window) const;  // [kept frames, D]

  TargetSource source_;
  CacheDtype dtype_;
  std::vector<Row> rows_;
  std::vector<TargetWindow> windows_;  // by the first frame that is kept
  mutable std::mutex mutex_;
  mutable std::map<size_t, StoredRows> computed_;  // by window
  mutable int64_t bytes_ = 0;
};

}  // namespace concertina
