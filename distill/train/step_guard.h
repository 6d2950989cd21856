// Whether a step counts, decided where its numbers are: on another device than the CPU they reach
// the host only after the next step has begun.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <vector>

#include "distill/objective/loss_values.h"
#include "distill/train/options.h"

namespace concertina {

// Keeps a running mean of each role's loss (largest, smallest, random1, ...: SampledSubnet) over
// the steps that counted. Not thread-safe.
class StepGuard {
 public:
  StepGuard(const OptimizerOptions& options, at::Device device);
  void restart(const std::vector<double>& means);  // goes on from these; 0: none yet

  // What AdamW scales the step's gradient with, to clip it; NaN when the step is not to count: a
  // loss or the norm is not finite, or a role's loss is above `guard` times its own mean.
  // losses: [roles] fp64; norm and result: 0-d fp64. `seen`: steps since the space last opened
  // (SubnetSampler::opened_at): losses rise there, so means start anew.
  at::Tensor judge(const at::Tensor& losses, const at::Tensor& norm, int64_t seen);
  const at::Tensor& means() const { return means_; }  // [roles] fp64

  static constexpr int64_t kGuardAfter = 20;  // steps before a mean is worth comparing to

 private:
  double guard_, clip_;
  at::Tensor means_;
};

// Why a step does not count, in a few words: the first loss that is far above its mean, or not a
// number. means: of the roles, which are the loss's terms if `by_role`, else the total alone.
std::string why_bad(const LossValues& loss, bool by_role, const double* means, double guard,
                    double grad_norm);

}  // namespace concertina
