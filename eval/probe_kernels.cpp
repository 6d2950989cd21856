#include "eval/probe_kernels.h"

#include <bit>

#include "supernet/nn/wide.h"

namespace concertina::kernels {
namespace {

inline float value_of(float v) { return v; }
// The exponent's bias is 112 larger in fp32, which a product corrects, also of subnormal numbers.
inline float value_of(fp16_bits v) {
  const uint32_t bits = v;
  const uint32_t sign = (bits & 0x8000u) << 16, rest = (bits & 0x7fffu) << 13;
  return std::bit_cast<float>(rest | sign) * 0x1p112f;
}

constexpr int64_t kBlock = 256;  // elements of a partial sum in fp32

template <class T>
inline __attribute__((always_inline)) void standardised_sum_of(
    const T* x, int64_t layer_stride, const float* share, const float* mean,
    const float* inverse_spread, float* z, int64_t layers, int64_t rows, int64_t width) {
  for (int64_t r = 0; r < rows; ++r, x += width, z += width) {
    const float first = share[0];
#pragma omp simd
    for (int64_t c = 0; c < width; ++c) z[c] = first * value_of(x[c]);
    for (int64_t l = 1; l < layers; ++l) {
      const float weight = share[l];
      const T* of_layer = x + l * layer_stride;
#pragma omp simd
      for (int64_t c = 0; c < width; ++c) z[c] += weight * value_of(of_layer[c]);
    }
#pragma omp simd
    for (int64_t c = 0; c < width; ++c) z[c] = (z[c] - mean[c]) * inverse_spread[c];
  }
}

template <class T>
inline __attribute__((always_inline)) float inner_product_of(const T* x, const float* y,
                                                             int64_t count) {
  double sum = 0;
  int64_t i = 0;
  // Four sums, for one alone waits for each addition.
  for (; i + 4 * kBlock <= count; i += 4 * kBlock) {
    float a = 0, b = 0, c = 0, d = 0;
#pragma omp simd reduction(+ : a, b, c, d)
    for (int64_t k = i; k < i + kBlock; ++k) {
      a += value_of(x[k]) * y[k];
      b += value_of(x[k + kBlock]) * y[k + kBlock];
      c += value_of(x[k + 2 * kBlock]) * y[k + 2 * kBlock];
      d += value_of(x[k + 3 * kBlock]) * y[k + 3 * kBlock];
    }
    sum += static_cast<double>(a + b) + static_cast<double>(c + d);
  }
  float rest = 0;
#pragma omp simd reduction(+ : rest)
  for (int64_t k = i; k < count; ++k) rest += value_of(x[k]) * y[k];
  return static_cast<float>(sum + static_cast<double>(rest));
}

}  // namespace

// target_clones needs plain functions, so each kernel is written out for both types.
#define CONCERTINA_KERNELS(T)                                                                     \
  CONCERTINA_WIDE void standardised_sum(const T* x, int64_t layer_stride, const float* share,     \
                                        const float* mean, const float* inverse_spread, float* z, \
                                        int64_t layers, int64_t rows, int64_t width) {            \
    standardised_sum_of(x, layer_stride, share, mean, inverse_spread, z, layers, rows, width);    \
  }                                                                                               \
  CONCERTINA_WIDE float inner_product(const T* x, const float* y, int64_t count) {                \
    return inner_product_of(x, y, count);                                                         \
  }
CONCERTINA_KERNELS(float)
CONCERTINA_KERNELS(fp16_bits)

}  // namespace concertina::kernels
