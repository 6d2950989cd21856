// WavLM's relative position bias (Chen et al. 2021), before the gate.
#pragma once

#include <ATen/ATen.h>

#include "supernet/space/blueprint.h"

namespace concertina {

// [T, T] int64: the bucket of key j for frame i. With n = |j - i|, half = buckets / 2 and
// exact = half / 2: n below exact, else exact + exact * ln(n / exact) / ln(max_distance / exact)
// rounded down and at most half - 1; plus half when j > i. In fp32, as the packages compute it.
at::Tensor position_buckets(const RelativePosition& bias, int64_t frames, at::Device device);

// table [buckets, heads] -> [1, heads, T, T].
at::Tensor position_bias(const RelativePosition& bias, const at::Tensor& table, int64_t frames);

}  // namespace concertina
