// Clips as vectors, and vectors that stand for many of them.
#pragma once

#include <ATen/ATen.h>

#include "core/rng.h"

namespace concertina {

// Mean over valid frames; x [B, T, D], valid [B, T'] cut to the shorter -> [B, D] fp32. Differentiable;
// what other frames hold, NaN too, is not read.
at::Tensor pooled_over(const at::Tensor& x, const at::Tensor& valid);

// `count` normal draws with the mean and the variance of `vectors` [N, D], each replaced by the mean of
// the vectors that are nearest to it (Jung et al. 2022); draws that have none stay. [count, D]
at::Tensor fitted_memory(const at::Tensor& vectors, int64_t count, const Rng& rng);

// k-means: centres [count, D] of `vectors` [N, D] after `rounds` rounds, from centres that are drawn with a
// probability proportional to the squared distance to those before (k-means++). Empty clusters keep
// their centre.
at::Tensor cluster_centres(const at::Tensor& vectors, int64_t count, int32_t rounds,
                           const Rng& rng);

}  // namespace concertina
