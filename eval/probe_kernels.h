// Loops over the layers of a trained probe's rows, vectorised: each reads the features once, without a
// copy in fp32. Without LibTorch.
#pragma once

#include <cstdint>

namespace concertina::kernels {

using fp16_bits = uint16_t;  // finite

// z[r, c] = (sum over layers l of share[l] x[l, r, c] - mean[c]) * inverse_spread[c] for `rows` rows; x
// has `layer_stride` elements from a layer to the next.
void standardised_sum(const float* x, int64_t layer_stride, const float* share, const float* mean,
                      const float* inverse_spread, float* z, int64_t layers, int64_t rows,
                      int64_t width);
void standardised_sum(const fp16_bits* x, int64_t layer_stride, const float* share,
                      const float* mean, const float* inverse_spread, float* z, int64_t layers,
                      int64_t rows, int64_t width);

// sum over i of x[i] * y[i]
float inner_product(const float* x, const float* y, int64_t count);
float inner_product(const fp16_bits* x, const float* y, int64_t count);

}  // namespace concertina::kernels
