// Skips the update of a step with a non-finite loss or a loss spike. The decision is made on the
// device that has the losses, without synchronising: from a GPU they reach the host only after the
// next step has started.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <vector>

#include "distill/objective/loss_values.h"
#include "distill/train/options.h"

namespace concertina {

// Keeps a running mean of each role's loss (largest, smallest, random1, ...: SampledSubnet) over
// the steps that were applied. Steps without the largest (sampler.largest_every) have one role less,
// the first; with kind alternating both subnets are one role. Not thread-safe.
class StepGuard {
 public:
  StepGuard(const OptimizerOptions& options, at::Device device);
  void restore(const std::vector<double>& means);  // resumes with these; 0: none yet

  // The factor for the step's gradient, which clips it; NaN when the step is to be skipped: a loss
  // or the norm is not finite, or a role's loss is above `guard` times its running mean.
  // losses: [roles] fp64; norm and result: 0-d fp64. `steps_since_opening`: since progressive
  // shrinking last enlarged the space (SubnetSampler::opening_step): losses rise there, so the
  // running means are reset.
  at::Tensor gradient_scale(const at::Tensor& losses, const at::Tensor& norm,
                            int64_t steps_since_opening);
  const at::Tensor& means() const { return means_; }  // fp64, of the roles seen so far

  static constexpr int64_t kGuardAfter = 20;  // steps before losses are compared with the mean

 private:
  double guard_, clip_;
  at::Tensor means_;
};

// Why a step is skipped: the first loss that is far above its mean, or not finite. means: of the
// roles, which are the loss's terms if `by_role`, else the total alone.
std::string skip_reason(const LossValues& loss, bool by_role, const double* means, double guard,
                        double grad_norm);

}  // namespace concertina
