// Target rows as caches store them: fp16, or integers of 8 bit with a scale for each frame and block
// of columns (value = scale * integer).
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "distill/data/options.h"
#include "distill/data/targets.h"

namespace concertina {

struct StoredRows {
  at::Tensor values;  // [n, D] fp16 or int8
  at::Tensor scales;  // [n, columns] fp32; undefined for fp16
};

StoredRows stored_rows(const at::Tensor& targets, const std::vector<TargetColumn>& columns,
                       CacheDtype dtype);  // [n, D] fp32 on the CPU
at::Tensor restored_rows(const StoredRows& rows, const std::vector<TargetColumn>& columns);  // fp32

}  // namespace concertina
