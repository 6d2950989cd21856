// Whether a step counts, decided where its numbers are: on another device than the CPU they reach
// the host only after the next step has begun.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>

#include "distill/options.h"

namespace concertina {

// Keeps the running mean of the losses of steps that counted. Not thread-safe.
class StepGuard {
 public:
  StepGuard(const OptimizerOptions& options, at::Device device);
  void restart(double mean_loss);  // goes on from this mean; 0: none yet

  // What AdamW scales the step's gradient with, to clip it; NaN when the step is not to count: its
  // loss or norm is not finite, or the loss is above `guard` times the mean. Both 0-d fp64.
  at::Tensor judge(const at::Tensor& loss, const at::Tensor& norm, int64_t step);
  const at::Tensor& mean_loss() const { return mean_loss_; }  // 0-d fp64

  static constexpr int64_t kGuardAfter = 20;  // steps before a mean is worth comparing to

 private:
  double guard_, clip_;
  at::Tensor mean_loss_;
};

}  // namespace concertina
