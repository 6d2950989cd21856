#include "distill/data/targets.h"

namespace concertina {

int64_t width_of(const std::vector<TargetColumn>& columns) {
  int64_t width = 0;
  for (const TargetColumn& column : columns) width += column.dim;
  return width;
}

void Targets::copy_to(Rows& rows, int64_t item, int64_t first_frame, int64_t frames) const {
  const at::Tensor all = read(first_frame, frames);
  int64_t begin = 0;
  for (const TargetColumn& column : columns_) {
    rows.at(column.row)[item].narrow(0, 0, frames).copy_(all.narrow(1, begin, column.dim));
    begin += column.dim;
  }
}

}  // namespace concertina
