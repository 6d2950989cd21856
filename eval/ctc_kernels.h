// Loops of CTC's forward sums (eval/ctc_loss.cpp), vectorised, in fp64. Without LibTorch.
#pragma once

#include <cstdint>

namespace concertina::kernels {

// p = exp(log_p) of values up to 0; below -700 it is 0. Relative error below 1e-15.
void exp_of_logs(const float* log_p, double* p, int64_t count);

// One frame of the sums: `blanks` [K + 1] and `labels` [K] from those of the frame before, for K
// symbols, scaled to sum 1. labels_before[-1] is 0; skips[k] is 1 where symbol k may follow k - 1
// without a blank, else 0; emitted[k] is the probability of symbol k. Returns the sum before scaling;
// where it is 0, the row is not finite.
double ctc_row(const double* blanks_before, const double* labels_before, const double* skips,
               const double* emitted, double blank, double* blanks, double* labels,
               int64_t symbols);

// sum over k of a[k] * b[-k]
double product_with_reversed(const double* a, const double* b, int64_t count);

// out[k] = a[k] * b[-k]
void multiply_by_reversed(const double* a, const double* b, double* out, int64_t count);

// values[c] /= p[c] where values[c] is not 0; returns the sum of the quotients.
double divide_where_not_zero(double* values, const double* p, int64_t count);

}  // namespace concertina::kernels
