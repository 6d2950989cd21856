// Distances between predictions and targets.
#pragma once

#include <ATen/ATen.h>

#include "core/enum_names.h"

namespace concertina {

// kNmse: of vectors of unit length (SimReg, Navaneet et al. 2021), 0 to 4. kUnitL1: of the same (DMAE, Bai
// et al. 2022).
enum class Distance { kL1, kMse, kCosine, kNmse, kUnitL1 };
template <>
inline constexpr auto kEnumNames<Distance> = name_table("l1", "mse", "cosine", "nmse", "unit_l1");

// Of each frame: mean |a - b|, mean (a - b)^2, 1 - cos(a, b), 2 - 2 cos(a, b) or mean |a / |a| - b / |b||
// over the channels.
// a, b [B, T, D] -> [B, T]. Differentiable; thread-safe.
at::Tensor frame_distance(Distance distance, const at::Tensor& a, const at::Tensor& b);

// x / max(|x|, 1e-8) over the last dimension.
at::Tensor unit_vectors(const at::Tensor& x);

// -log sigmoid(cos(a, b)) of each frame (DistilHuBERT, Chang et al. 2022); 0.3133 where a = b.
at::Tensor log_sigmoid_cosine(const at::Tensor& a, const at::Tensor& b);

}  // namespace concertina
