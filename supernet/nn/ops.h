// Operations that layers share. Inputs are [B, T, C]; the weights' dtype is the compute dtype.
#pragma once

#include <ATen/ATen.h>

#include "supernet/nn/weights.h"

namespace concertina {

inline constexpr double kNormEps = 1e-5;

// Low-precision products here and below are checked on the CPU (kernel_check.h).
at::Tensor linear(const at::Tensor& x, const Affine& affine);
// a [B.., T, M] b [B.., M, N]; `rows`, `columns`: M and N, 0 for a number of frames.
at::Tensor checked_matmul(const at::Tensor& a, const at::Tensor& b, int64_t rows, int64_t columns);

// Over the last dimension, eps 1e-5, statistics in fp32; the result has the dtype of x.
at::Tensor layer_norm(const at::Tensor& x, const Affine& norm);

// [B, T, C_in] -> [B, T', C_out] without transposing memory: [B, T, C] is the channels-last layout.
at::Tensor conv_time(const at::Tensor& x, const Affine& conv, int64_t stride, int64_t padding,
                     int64_t groups);

// On `device`, by a copy that the host does not wait for.
inline at::Tensor to_device(const at::Tensor& t, at::Device device) {
  return t.to(device, /*non_blocking=*/true);
}

// Interleaved groups of dimension `dim` (0, 1, .., G-1, 0, 1, ..) to contiguous ones.
at::Tensor to_contiguous_groups(const at::Tensor& t, int64_t dim, int64_t groups);

// [B] lengths on the CPU -> [B, T] bool, true where valid; undefined when all `frames` are valid.
at::Tensor valid_mask(const at::Tensor& lengths, int64_t frames, at::Device device);

}  // namespace concertina
