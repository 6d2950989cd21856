#include "supernet/nn/gelu_kernels.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "supernet/nn/wide.h"

namespace concertina::kernels {
namespace {

// erf(z / sqrt 2): x P(x^2) / Q(x^2), a weighted least-squares fit on [0, 3.92] with relative error
// 2e-8.
inline float erf_of_scaled(float z) {
  float x = z * 0.70710678118654752f;
  x = std::min(std::max(x, -3.92f), 3.92f);
  const float t = x * x;
  float p = 2.05024707611301e-06f;
  p = p * t + 0.0002848695148713887f;
  p = p * t + 0.0037649061996489763f;
  p = p * t + 0.05274651199579239f;
  p = p * t + 0.1903894990682602f;
  p = p * t + 1.1283791065216064f;
  float q = 3.8092697650427e-05f;
  q = q * t + 0.0011623690370470285f;
  q = q * t + 0.01496778056025505f;
  q = q * t + 0.11410212516784668f;
  q = q * t + 0.5020610690116882f;
  q = q * t + 1.0f;
  return x * p / q;
}

inline float gelu_of(float z) { return 0.5f * z * (1.0f + erf_of_scaled(z)); }

// d GELU / dz = Phi(z) + z phi(z).
inline float gelu_slope(float z) {
  return 0.5f * (1.0f + erf_of_scaled(z)) + z * 0.398942280401433f * exp_of_negative(-0.5f * z * z);
}

template <class T>
inline __attribute__((always_inline)) void norm_gelu_rows(const T* x, const float* weight,
                                                          const float* bias, T* y, float* mean,
                                                          float* inverse_deviation, int64_t rows,
                                                          int64_t width, float eps) {
  for (int64_t r = 0; r < rows; ++r, x += width, y += width) {
    float sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t c = 0; c < width; ++c) sum += load(x[c]);
    const float m = sum / static_cast<float>(width);
#pragma omp simd reduction(+ : squares)
    for (int64_t c = 0; c < width; ++c) squares += (load(x[c]) - m) * (load(x[c]) - m);
    const float s = 1.0f / std::sqrt(squares / static_cast<float>(width) + eps);
#pragma omp simd
    for (int64_t c = 0; c < width; ++c) {
      store(gelu_of((load(x[c]) - m) * s * weight[c] + bias[c]), y[c]);
    }
    mean[r] = m;
    inverse_deviation[r] = s;
  }
}

template <class T>
inline __attribute__((always_inline)) void norm_gelu_backward_rows(
    const T* x, const T* dy, const float* weight, const float* bias, const float* mean,
    const float* inverse_deviation, T* dx, float* weight_gradient, float* bias_gradient,
    int64_t rows, int64_t width) {
  std::vector<float> scratch(static_cast<size_t>(width));  // d loss / d xhat
  float* d = scratch.data();
  for (int64_t r = 0; r < rows; ++r, x += width, dy += width, dx += width) {
    const float m = mean[r], s = inverse_deviation[r];
    float sum = 0, product = 0;
#pragma omp simd reduction(+ : sum, product)
    for (int64_t c = 0; c < width; ++c) {
      const float hat = (load(x[c]) - m) * s;
      const float dz = load(dy[c]) * gelu_slope(hat * weight[c] + bias[c]);
      weight_gradient[c] += dz * hat;
      bias_gradient[c] += dz;
      d[c] = dz * weight[c];
      sum += d[c];
      product += d[c] * hat;
    }
    sum /= static_cast<float>(width);
    product /= static_cast<float>(width);
#pragma omp simd
    for (int64_t c = 0; c < width; ++c) {
      store(s * (d[c] - sum - (load(x[c]) - m) * s * product), dx[c]);
    }
  }
}

// Sums over rows are taken in fp32 over a block of rows, then in fp64.
constexpr int64_t kBlockRows = 64;

template <class T, class Terms>
inline __attribute__((always_inline)) void sum_rows(double* first, double* second, int64_t rows,
                                                    int64_t width, Terms terms) {
  std::vector<float> block(static_cast<size_t>(2 * width));
  float *a = block.data(), *b = a + width;
  for (int64_t begin = 0; begin < rows; begin += kBlockRows) {
    std::fill(block.begin(), block.end(), 0.0f);
    for (int64_t r = begin; r < std::min(begin + kBlockRows, rows); ++r) {
#pragma omp simd
      for (int64_t c = 0; c < width; ++c) terms(r * width + c, c, a[c], b[c]);
    }
    for (int64_t c = 0; c < width; ++c) {
      first[c] += a[c];
      second[c] += b[c];
    }
  }
}

template <class T>
inline __attribute__((always_inline)) void channel_sums_of(const T* x, const double* centre,
                                                           double* sums, double* squares,
                                                           int64_t rows, int64_t width) {
  const std::vector<float> centres(centre, centre + width);
  const float* middle = centres.data();
  sum_rows<T>(sums, squares, rows, width, [=](int64_t i, int64_t c, float& a, float& b) {
    const float d = load(x[i]) - middle[c];
    a += d;
    b += d * d;
  });
}

template <class T>
inline __attribute__((always_inline)) void scale_gelu_rows(const T* x, const float* scale,
                                                           const float* shift, T* y, int64_t rows,
                                                           int64_t width) {
  for (int64_t r = 0; r < rows; ++r, x += width, y += width) {
#pragma omp simd
    for (int64_t c = 0; c < width; ++c) store(gelu_of(load(x[c]) * scale[c] + shift[c]), y[c]);
  }
}

template <class T>
inline __attribute__((always_inline)) void scale_gelu_sums_of(const T* x, const T* dy,
                                                              const float* scale,
                                                              const float* shift, double* dz_sums,
                                                              double* dzx_sums, int64_t rows,
                                                              int64_t width) {
  sum_rows<T>(dz_sums, dzx_sums, rows, width, [=](int64_t i, int64_t c, float& a, float& b) {
    const float value = load(x[i]);
    const float dz = load(dy[i]) * gelu_slope(value * scale[c] + shift[c]);
    a += dz;
    b += dz * value;
  });
}

template <class T>
inline __attribute__((always_inline)) void scale_gelu_backward_rows(
    const T* x, const T* dy, const float* scale, const float* shift, const float* slope,
    const float* offset, T* dx, int64_t rows, int64_t width) {
  for (int64_t r = 0; r < rows; ++r, x += width, dy += width, dx += width) {
#pragma omp simd
    for (int64_t c = 0; c < width; ++c) {
      const float value = load(x[c]);
      const float dz = load(dy[c]) * gelu_slope(value * scale[c] + shift[c]);
      store(scale[c] * dz + slope[c] * value + offset[c], dx[c]);
    }
  }
}

template <class T>
inline __attribute__((always_inline)) void gelu_all(const T* x, T* y, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) store(gelu_of(load(x[i])), y[i]);
}

template <class T>
inline __attribute__((always_inline)) void gelu_backward_all(const T* x, const T* dy, T* dx,
                                                             int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) store(load(dy[i]) * gelu_slope(load(x[i])), dx[i]);
}

}  // namespace

// target_clones needs plain functions, so each kernel is written out for both dtypes.
#define CONCERTINA_KERNELS(T)                                                                    \
  CONCERTINA_WIDE void layer_norm_gelu(const T* x, const float* weight, const float* bias, T* y, \
                                       float* mean, float* inverse_deviation, int64_t rows,      \
                                       int64_t width, float eps) {                               \
    norm_gelu_rows(x, weight, bias, y, mean, inverse_deviation, rows, width, eps);               \
  }                                                                                              \
  CONCERTINA_WIDE void layer_norm_gelu_backward(                                                 \
      const T* x, const T* dy, const float* weight, const float* bias, const float* mean,        \
      const float* inverse_deviation, T* dx, float* weight_gradient, float* bias_gradient,       \
      int64_t rows, int64_t width) {                                                             \
    norm_gelu_backward_rows(x, dy, weight, bias, mean, inverse_deviation, dx, weight_gradient,   \
                            bias_gradient, rows, width);                                         \
  }                                                                                              \
  CONCERTINA_WIDE void channel_sums(const T* x, const double* centre, double* sums,              \
                                    double* squares, int64_t rows, int64_t width) {              \
    channel_sums_of(x, centre, sums, squares, rows, width);                                      \
  }                                                                                              \
  CONCERTINA_WIDE void scale_gelu(const T* x, const float* scale, const float* shift, T* y,      \
                                  int64_t rows, int64_t width) {                                 \
    scale_gelu_rows(x, scale, shift, y, rows, width);                                            \
  }                                                                                              \
  CONCERTINA_WIDE void scale_gelu_sums(const T* x, const T* dy, const float* scale,              \
                                       const float* shift, double* dz_sums, double* dzx_sums,    \
                                       int64_t rows, int64_t width) {                            \
    scale_gelu_sums_of(x, dy, scale, shift, dz_sums, dzx_sums, rows, width);                     \
  }                                                                                              \
  CONCERTINA_WIDE void scale_gelu_backward(                                                      \
      const T* x, const T* dy, const float* scale, const float* shift, const float* slope,       \
      const float* offset, T* dx, int64_t rows, int64_t width) {                                 \
    scale_gelu_backward_rows(x, dy, scale, shift, slope, offset, dx, rows, width);               \
  }                                                                                              \
  CONCERTINA_WIDE void gelu(const T* x, T* y, int64_t count) { gelu_all(x, y, count); }          \
  CONCERTINA_WIDE void gelu_backward(const T* x, const T* dy, T* dx, int64_t count) {            \
    gelu_backward_all(x, dy, dx, count);                                                         \
  }
CONCERTINA_KERNELS(float)
CONCERTINA_KERNELS(bf16_bits)

}  // namespace concertina::kernels
