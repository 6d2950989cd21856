#include "distill/data/stored_rows.h"

namespace concertina {

StoredRows stored_rows(const at::Tensor& targets, const std::vector<TargetColumn>& columns,
                       CacheDtype dtype) {
  if (dtype == CacheDtype::kFp16) return {targets.to(at::kHalf).contiguous(), {}};
  std::vector<at::Tensor> scales, values;
  int64_t begin = 0;
  for (const TargetColumn& column : columns) {
    const at::Tensor part = targets.narrow(1, begin, column.dim);
    const at::Tensor scale = (part.abs().amax(1) / 127).clamp_min(1e-8).unsqueeze(1);
    scales.push_back(scale);
    values.push_back((part / scale).round().to(at::kChar));
    begin += column.dim;
  }
  return {at::cat(values, 1).contiguous(), at::cat(scales, 1).contiguous()};
}

at::Tensor restored_rows(const StoredRows& rows, const std::vector<TargetColumn>& columns) {
  at::Tensor values = rows.values.to(at::kFloat);
  if (!rows.scales.defined()) return values;
  int64_t begin = 0;
  for (size_t i = 0; i < columns.size(); ++i) {
    values.narrow(1, begin, columns[i].dim).mul_(rows.scales.narrow(1, static_cast<int64_t>(i), 1));
    begin += columns[i].dim;
  }
  return values;
}

}  // namespace concertina
