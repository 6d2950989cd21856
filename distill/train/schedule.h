// Learning-rate schedules.
#pragma once

#include <cstdint>

#include "distill/train/options.h"

namespace concertina {

// Learning rate of step `step` (0-based) of `steps`. Every schedule but range_test begins with a linear
// warm-up to the peak `lr` over the first `warmup` share of the steps. Then, with w the steps of the
// warm-up, p the share of the steps after it that is done, and q the share of the last `decay` share of
// all steps that is done:
//
//   linear        lr (1 - (1 - final_lr) p)
//   cosine        lr (final_lr + (1 - final_lr) (1 + cos(pi p)) / 2), Loshchilov & Hutter 2017
//   inverse_sqrt  lr sqrt(w / (step + 1)), Vaswani et al. 2017
//   tri_stage     lr until the last `decay` share, then lr final_lr^q, Park et al. 2019
//   constant      lr until the last `decay` share, then lr (1 - (1 - final_lr) q): a run can be
//                 extended from any checkpoint before that share (Haegele et al. 2024)
//   range_test    lr kRangeTestStart^(1 - (step + 1) / steps): rises exponentially to `lr`, to find
//                 the largest rate that trains (Smith 2017)
double learning_rate(const OptimizerOptions& options, int64_t step, int64_t steps);

inline constexpr double kRangeTestStart = 1e-4;  // the first rate, as a share of the last

}  // namespace concertina
