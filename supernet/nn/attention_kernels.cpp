#include "supernet/nn/attention_kernels.h"

#include <cmath>
#include <limits>

namespace concertina::kernels {
namespace {

constexpr float kNothingSeen = -std::numeric_limits<float>::infinity();
constexpr int64_t kTile = 16;  // of a transposition: one cache line of words

// out[c * out_stride + r] = x[r * stride + c], tile by tile.
template <class T>
inline __attribute__((always_inline)) void transpose_tiles(const T* x, int64_t stride, int64_t rows,
                                                           int64_t width, T* out,
                                                           int64_t out_stride) {
  for (int64_t r0 = 0; r0 < rows; r0 += kTile) {
    const int64_t r1 = std::min(r0 + kTile, rows);
    for (int64_t c = 0; c < width; ++c) {
      for (int64_t r = r0; r < r1; ++r) out[c * out_stride + r] = x[r * stride + c];
    }
  }
}

template <class T>
inline void clear_columns(T* out, int64_t rows, int64_t from, int64_t stride) {
  for (int64_t r = 0; r < rows; ++r)
    std::fill(out + r * stride + from, out + (r + 1) * stride, T{});
}

// GCC does not vectorise a plain maximum because of NaN; count is a multiple of kTile.
inline __attribute__((always_inline)) float largest_of(const float* x, int64_t count) {
  float lanes[kTile];
  std::fill(lanes, lanes + kTile, kNothingSeen);
  for (int64_t c = 0; c < count; c += kTile) {
#pragma omp simd
    for (int64_t j = 0; j < kTile; ++j) lanes[j] = x[c + j] > lanes[j] ? x[c + j] : lanes[j];
  }
  return *std::max_element(lanes, lanes + kTile);
}

// exp, exactly zero where masked.
inline float weight_of(float score) {
  return exp_of_negative(score) * static_cast<float>(score > -80.0f);
}

}  // namespace

CONCERTINA_WIDE void pair_columns(const bf16_bits* x, int64_t stride, int64_t rows, int64_t width,
                                  int64_t padded, bf16_pair* out) {
  transpose_tiles(reinterpret_cast<const bf16_pair*>(x), stride / 2, rows, width / 2, out, padded);
  clear_columns(out, width / 2, rows, padded);
}

CONCERTINA_WIDE void pair_rows(const bf16_bits* x, int64_t stride, int64_t rows, int64_t width,
                               int64_t padded, bf16_pair* out) {
  for (int64_t r = 0; r < padded; r += 2, out += width) {
    const bf16_bits *low = x + r * stride, *high = low + stride;
    if (r + 1 < rows) {
#pragma omp simd
      for (int64_t c = 0; c < width; ++c) out[c] = low[c] | (static_cast<bf16_pair>(high[c]) << 16);
    } else {
      for (int64_t c = 0; c < width; ++c) out[c] = r < rows ? low[c] : 0;
    }
  }
}

CONCERTINA_WIDE void transpose(const bf16_bits* x, int64_t stride, int64_t rows, int64_t width,
                               int64_t padded, bf16_bits* out) {
  transpose_tiles(x, stride, rows, width, out, padded);
  clear_columns(out, width, rows, padded);
}

CONCERTINA_WIDE void round_transposed(const float* x, int64_t padded, int64_t rows, int64_t width,
                                      bf16_bits* out, int64_t stride) {
  for (int64_t r0 = 0; r0 < rows; r0 += kTile) {
    const int64_t r1 = std::min(r0 + kTile, rows);
    for (int64_t c = 0; c < width; ++c) {
      for (int64_t r = r0; r < r1; ++r) store(x[c * padded + r], out[r * stride + c]);
    }
  }
}

CONCERTINA_WIDE void round_rows(const float* x, const float* scale, int64_t rows, int64_t width,
                                bf16_bits* out, int64_t stride) {
  for (int64_t r = 0; r < rows; ++r, x += width, out += stride) {
    const float factor = scale != nullptr ? scale[r] : 1.0f;
#pragma omp simd
    for (int64_t c = 0; c < width; ++c) store(x[c] * factor, out[c]);
  }
}

CONCERTINA_WIDE void softmax_rows(const ScoreBlock& block, float* scores, bf16_bits* p,
                                  float* inverse_sum, float* log_sum) {
  const int64_t keys = block.keys;
  const float scale = block.scale;
  for (int64_t r = 0; r < block.rows; ++r, scores += block.padded, p += block.padded) {
    const float* bias = block.bias != nullptr ? block.bias + r * block.bias_stride : nullptr;
    if (bias != nullptr) {
#pragma omp simd
      for (int64_t c = 0; c < keys; ++c) scores[c] = scores[c] * scale + bias[c];
    } else {
#pragma omp simd
      for (int64_t c = 0; c < keys; ++c) scores[c] *= scale;
    }
    std::fill(scores + keys, scores + block.padded, kNothingSeen);
    const float largest = largest_of(scores, block.padded);
    float sum = 0;
    const float shift = largest == kNothingSeen ? 0.0f : largest;
#pragma omp simd reduction(+ : sum)
    for (int64_t c = 0; c < block.padded; ++c) {
      const float weight = weight_of(scores[c] - shift);
      sum += weight;
      store(weight, p[c]);
    }
    inverse_sum[r] = sum > 0 ? 1.0f / sum : 0.0f;
    log_sum[r] = shift + std::log(sum);
  }
}

CONCERTINA_WIDE void softmax_backward_rows(const ScoreBlock& block, const float* scores,
                                           const float* dp, const float* log_sum,
                                           const float* delta, bf16_pair* p_pairs, bf16_bits* ds,
                                           bf16_pair* ds_pairs) {
  const int64_t keys = block.keys, padded = block.padded;
  const float scale = block.scale;
  std::fill(p_pairs, p_pairs + (block.rows + 1) / 2 * padded, 0u);
  std::fill(ds_pairs, ds_pairs + (block.rows + 1) / 2 * padded, 0u);
  for (int64_t r = 0; r < block.rows; ++r, scores += padded, dp += padded, ds += padded) {
    const float* bias = block.bias != nullptr ? block.bias + r * block.bias_stride : nullptr;
    // A fully masked row has log_sum -inf; its weights must be zero all the same.
    const float shift = log_sum[r] == kNothingSeen ? 0.0f : log_sum[r];
    const float difference = delta[r];
    const int half = r % 2 == 0 ? 0 : 16;
    bf16_pair *p_row = p_pairs + r / 2 * padded, *ds_row = ds_pairs + r / 2 * padded;
    const auto element = [=](int64_t c, float score) {
      const float weight = weight_of(score - shift);
      const uint32_t slope = to_bf16(weight * (dp[c] - difference) * scale);
      p_row[c] |= to_bf16(weight) << half;
      ds_row[c] |= slope << half;
      ds[c] = static_cast<bf16_bits>(slope);
    };
    if (bias != nullptr) {
#pragma omp simd
      for (int64_t c = 0; c < keys; ++c) element(c, scores[c] * scale + bias[c]);
    } else {
#pragma omp simd
      for (int64_t c = 0; c < keys; ++c) element(c, scores[c] * scale);
    }
    std::fill(ds + keys, ds + padded, bf16_bits{0});
  }
}

CONCERTINA_WIDE void row_products(const bf16_bits* a, const bf16_bits* b, int64_t stride,
                                  int64_t rows, int64_t width, float* out) {
  for (int64_t r = 0; r < rows; ++r, a += stride, b += stride) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t c = 0; c < width; ++c) sum += load(a[c]) * load(b[c]);
    out[r] = sum;
  }
}

}  // namespace concertina::kernels
