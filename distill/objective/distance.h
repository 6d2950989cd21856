// Distances between predictions and targets.
#pragma once

#include <ATen/ATen.h>

#include "core/enum_names.h"

namespace concertina {

// kNmse: of vectors of unit length (SimReg, Navaneet et al. 2021), 0 to 4. kUnitL1: of the same (DMAE, Bai
// et al. 2022). kLayerNormMse: of vectors after layer norm without affine (CALD, He and Garner 2024).
enum class Distance { kL1, kMse, kCosine, kNmse, kUnitL1, kLayerNormMse };
template <>
inline constexpr auto kEnumNames<Distance> =
    name_table("l1", "mse", "cosine", "nmse", "unit_l1", "layer_norm_mse");

// Of each frame: mean |a - b|, mean (a - b)^2, 1 - cos(a, b), 2 - 2 cos(a, b), mean |a / |a| - b / |b|| or
// mean (LN(a) - LN(b))^2 over the channels, LN(x) = (x - mean(x)) / sqrt(var(x) + 1e-5).
// a, b [B, T, D] -> [B, T]. Differentiable; thread-safe.
at::Tensor frame_distance(Distance distance, const at::Tensor& a, const at::Tensor& b);

// x / max(|x|, 1e-8) over the last dimension.
at::Tensor unit_vectors(const at::Tensor& x);

// -log sigmoid(cos(a, b)) of each frame (DistilHuBERT, Chang et al. 2022); 0.3133 where a = b.
at::Tensor log_sigmoid_cosine(const at::Tensor& a, const at::Tensor& b);

}  // namespace concertina
