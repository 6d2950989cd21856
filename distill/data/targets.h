// Teacher rows (distill/objective/rows.h) of joined clips, frame by frame, for batches.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "distill/objective/rows.h"

namespace concertina {

struct TargetColumn {  // a block of columns
  std::string row;     // name
  int64_t dim = 0;
};
int64_t width_of(const std::vector<TargetColumn>& columns);

// Thread-safe.
class Targets {
 public:
  virtual ~Targets() = default;
  // All columns of base frames of the joined clips: [frames, D] fp32.
  virtual at::Tensor read(int64_t first_frame, int64_t frames) const = 0;
  // Copies frames to the beginning of item `item` of `rows`, each [B, T, dim].
  void copy_to(Rows& rows, int64_t item, int64_t first_frame, int64_t frames) const;
  const std::vector<TargetColumn>& columns() const { return columns_; }

 protected:
  std::vector<TargetColumn> columns_;
};

}  // namespace concertina
