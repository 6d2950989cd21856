// Distances between predictions and targets.
#pragma once

#include <ATen/ATen.h>

#include "core/enum_names.h"

namespace concertina {

enum class Distance { kL1, kMse, kCosine };
template <>
inline constexpr auto kEnumNames<Distance> = name_table("l1", "mse", "cosine");

// Of each frame: mean |a - b|, mean (a - b)^2 or 1 - cos(a, b) over the channels. a, b [B, T, D] ->
// [B, T]. Differentiable; thread-safe.
at::Tensor frame_distance(Distance distance, const at::Tensor& a, const at::Tensor& b);

}  // namespace concertina
