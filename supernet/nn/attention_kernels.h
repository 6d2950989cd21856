// Loops behind attention.h, without LibTorch. bf16 as bits; a pair is two bf16 in one word, the
// first in the low half: the layout in which matrix products take their second operand ([K/2, N]
// words). Each call is single-threaded.
#pragma once

#include <cstdint>

#include "supernet/nn/wide.h"

namespace concertina::kernels {

using bf16_pair = uint32_t;

// Columns of x [rows, width], rows `stride` apart, in pairs: out [width / 2, padded], zero from
// `rows` on. Width, stride even.
void pair_columns(const bf16_bits* x, int64_t stride, int64_t rows, int64_t width, int64_t padded,
                  bf16_pair* out);
// Rows of x in pairs: out [padded / 2, width], zero from `rows` on. padded even.
void pair_rows(const bf16_bits* x, int64_t stride, int64_t rows, int64_t width, int64_t padded,
               bf16_pair* out);
// out [width, padded] = x', zero from `rows` on.
void transpose(const bf16_bits* x, int64_t stride, int64_t rows, int64_t width, int64_t padded,
               bf16_bits* out);
// out[r, c], rows `stride` apart, = x'[r, c] of x [width, padded].
void round_transposed(const float* x, int64_t padded, int64_t rows, int64_t width, bf16_bits* out,
                      int64_t stride);
// out[r, :], rows `stride` apart, = x[r, :] * scale[r]; scale null: 1.
void round_rows(const float* x, const float* scale, int64_t rows, int64_t width, bf16_bits* out,
                int64_t stride);

// A block of scores [rows, padded], of which the first `keys` of a row count. They become
// scores * scale + bias; bias rows lie bias_stride apart, null: none; -inf: masked.
struct ScoreBlock {
  int64_t rows = 0, keys = 0, padded = 0;
  float scale = 1;
  const float* bias = nullptr;
  int64_t bias_stride = 0;
};

// p = exp(score - largest of the row), zero beyond keys; inverse_sum [rows] = 1 / sum of p;
// log_sum [rows] = log of the sum of exp(score). A fully masked row has p 0, inverse_sum 0.
void softmax_rows(const ScoreBlock& block, float* scores, bf16_bits* p, float* inverse_sum,
                  float* log_sum);

// From recomputed scores and the gradient of the map: p = exp(score - log_sum) in pairs of rows
// [rows / 2 rounded up, padded], and ds = p * (dp - delta) * scale, as rows and in pairs.
void softmax_backward_rows(const ScoreBlock& block, const float* scores, const float* dp,
                           const float* log_sum, const float* delta, bf16_pair* p_pairs,
                           bf16_bits* ds, bf16_pair* ds_pairs);
// out [rows] = sums of a * b over rows of `width`, both `stride` apart.
void row_products(const bf16_bits* a, const bf16_bits* b, int64_t stride, int64_t rows,
                  int64_t width, float* out);

}  // namespace concertina::kernels
