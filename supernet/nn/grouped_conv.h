// Convolution over time with many groups and long kernels: the positional one.
#pragma once

#include <ATen/ATen.h>

namespace concertina {

// y[b, t, o] = bias[o] + sum over taps k, channels c of o's group:
//              x[b, t + k - kernel / 2, c] * weight[o, c, k], zeros beyond both ends.
// x [B, T, groups * C], weight [E, C, kernel], bias [E] or undefined -> [B, T, E] in the weight's
// dtype: as many frames as x has, so that an even kernel's last one is left out, as HuBERT does.
//
// On the CPU, fp32 and bf16 are matrix products of ATen's brgemm over overlapping rows of the
// padded input, which is not copied for each tap; sums are fp32. Without bf16 products, bf16 is
// computed in fp32; other dtypes use ATen's convolution. On a GPU: grouped_conv_by_fft.
// Differentiable once. The result does not depend on the number of threads. Thread-safe.
at::Tensor grouped_conv(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                        int64_t groups);

// The same in products of spectra of overlapping blocks, in fp32 (or fp64, where the weight is). On
// a GPU: cuDNN has no fast kernels for the 16 groups of 48 channels of HuBERT base.
at::Tensor grouped_conv_by_fft(const at::Tensor& x, const at::Tensor& weight,
                               const at::Tensor& bias, int64_t groups);

// [E, C, kernel] in the memory order that grouped_conv reads, tap by tap: converted once per subnet
// instead of in every call. Values and shape stay the same.
at::Tensor tap_by_tap(const at::Tensor& weight);

}  // namespace concertina
