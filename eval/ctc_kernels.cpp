#include "eval/ctc_kernels.h"

#include <bit>

#include "supernet/nn/wide.h"

namespace concertina::kernels {
namespace {

// 2^n times the Taylor polynomial of the remainder, |remainder| <= ln(2) / 2.
inline __attribute__((always_inline)) double exp_of_log(double v) {
  const bool too_small = v < -700;
  v = too_small ? -700 : v;
  constexpr double kShift = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer
  const double shifted = v * 1.4426950408889634 + kShift;
  const double n = shifted - kShift;
  const double r = v - n * 0.693147180369123816490 - n * 1.90821492927058770002e-10;
  double e = 1.0 / 6227020800.0;
  e = e * r + 1.0 / 479001600.0;
  e = e * r + 1.0 / 39916800.0;
  e = e * r + 1.0 / 3628800.0;
  e = e * r + 1.0 / 362880.0;
  e = e * r + 1.0 / 40320.0;
  e = e * r + 1.0 / 5040.0;
  e = e * r + 1.0 / 720.0;
  e = e * r + 1.0 / 120.0;
  e = e * r + 1.0 / 24.0;
  e = e * r + 1.0 / 6.0;
  e = e * r + 0.5;
  e = e * r + 1.0;
  e = e * r + 1.0;
  // n is in the low bits of `shifted`.
  const auto exponent = (std::bit_cast<int64_t>(shifted) + 1023) << 52;
  return too_small ? 0.0 : e * std::bit_cast<double>(exponent);
}

}  // namespace

CONCERTINA_WIDE void exp_of_logs(const float* log_p, double* p, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) p[i] = exp_of_log(static_cast<double>(log_p[i]));
}

CONCERTINA_WIDE double ctc_row(const double* blanks_before, const double* labels_before,
                               const double* skips, const double* emitted, double blank,
                               double* blanks, double* labels, int64_t symbols) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t k = 0; k <= symbols; ++k) {
    blanks[k] = (blanks_before[k] + labels_before[k - 1]) * blank;
    sum += blanks[k];
  }
#pragma omp simd reduction(+ : sum)
  for (int64_t k = 0; k < symbols; ++k) {
    labels[k] =
        (labels_before[k] + blanks_before[k] + skips[k] * labels_before[k - 1]) * emitted[k];
    sum += labels[k];
  }
  const double inverse = 1 / sum;
#pragma omp simd
  for (int64_t k = 0; k <= symbols; ++k) blanks[k] *= inverse;
#pragma omp simd
  for (int64_t k = 0; k < symbols; ++k) labels[k] *= inverse;
  return sum;
}

CONCERTINA_WIDE double product_with_reversed(const double* a, const double* b, int64_t count) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t k = 0; k < count; ++k) sum += a[k] * b[-k];
  return sum;
}

CONCERTINA_WIDE void multiply_by_reversed(const double* a, const double* b, double* out,
                                          int64_t count) {
#pragma omp simd
  for (int64_t k = 0; k < count; ++k) out[k] = a[k] * b[-k];
}

CONCERTINA_WIDE double divide_where_not_zero(double* values, const double* p, int64_t count) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t c = 0; c < count; ++c) {
    values[c] = values[c] == 0 ? 0.0 : values[c] / p[c];
    sum += values[c];
  }
  return sum;
}

}  // namespace concertina::kernels
