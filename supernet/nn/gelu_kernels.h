// Loops over contiguous rows behind norm_gelu.h, without LibTorch: x and y are [rows, width], fp32
// or bf16 (as bits). Each call is single-threaded; callers split rows among threads.
#pragma once

#include <cstdint>

#include "supernet/nn/wide.h"

namespace concertina::kernels {

// Every kernel exists for T = float and T = bf16_bits.
#define CONCERTINA_DECLARE_KERNELS(T)                                                                \
  /* y = GELU(xhat * weight + bias), xhat = (x - mean) * inverse_deviation. Writes mean and        \
     inverse_deviation [rows]. */ \
  void layer_norm_gelu(const T* x, const float* weight, const float* bias, T* y, float* mean,        \
                       float* inverse_deviation, int64_t rows, int64_t width, float eps);            \
  /* From dy: dx; weight_gradient and bias_gradient [width] are added to. */                         \
  void layer_norm_gelu_backward(const T* x, const T* dy, const float* weight, const float* bias,     \
                                const float* mean, const float* inverse_deviation, T* dx,            \
                                float* weight_gradient, float* bias_gradient, int64_t rows,          \
                                int64_t width);                                                      \
  /* Adds to sums and squares [width] the sums over rows of x - centre and of its square. */         \
  void channel_sums(const T* x, const double* centre, double* sums, double* squares, int64_t rows,   \
                    int64_t width);                                                                  \
  /* y = GELU(x * scale + shift), scale and shift [width]. */                                        \
  void scale_gelu(const T* x, const float* scale, const float* shift, T* y, int64_t rows,            \
                  int64_t width);                                                                    \
  /* With dz = dy * GELU'(x * scale + shift): adds the sums over rows of dz and of dz * x. */        \
  void scale_gelu_sums(const T* x, const T* dy, const float* scale, const float* shift,              \
                       double* dz_sums, double* dzx_sums, int64_t rows, int64_t width);              \
  /* dx = scale * dz + slope * x + offset, slope and offset [width]. */                              \
  void scale_gelu_backward(const T* x, const T* dy, const float* scale, const float* shift,          \
                           const float* slope, const float* offset, T* dx, int64_t rows,             \
                           int64_t width);                                                           \
  void gelu(const T* x, T* y, int64_t count);                                                        \
  void gelu_backward(const T* x, const T* dy, T* dx, int64_t count);
CONCERTINA_DECLARE_KERNELS(float)
CONCERTINA_DECLARE_KERNELS(bf16_bits)
#undef CONCERTINA_DECLARE_KERNELS

}  // namespace concertina::kernels
