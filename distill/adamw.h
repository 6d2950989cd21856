// AdamW (Loshchilov & Hutter 2019) over flat buffers in one fused pass. Elements that no sampled
// slice touched are skipped entirely: neither decay nor momentum nor drift. The bias correction
// counts the steps of the whole model.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "distill/options.h"
#include "supernet/model/parameters.h"

namespace concertina {

// Rate of step `step` (0-based) of `steps`: linear warm-up to the peak, then linear decay to
// final_lr * peak.
double learning_rate(const OptimizerOptions& options, int64_t step, int64_t steps);

// What a gradient of norm `norm` is multiplied with so that it is at most `clip` long; clip 0: 1.
double clip_scale(double norm, double clip);

// Not thread-safe. On the CPU the result does not depend on the number of threads.
class AdamW {
 public:
  AdamW(const Parameters& parameters, const OptimizerOptions& options);

  // One update with the gradient times `scale`. The gradients must be finite.
  void step(const Parameters& parameters, const Gradients& gradients, double lr, double scale);

  int64_t steps_done() const { return steps_; }
  void set_steps_done(int64_t steps) { steps_ = steps; }
  const at::Tensor& first_moment() const { return first_; }    // [numel] fp32
  const at::Tensor& second_moment() const { return second_; }  // [numel] fp32

 private:
  struct Chunk {
    int64_t begin, end;
    bool decay;
  };  // of one parameter
  void step_cpu(const Parameters& parameters, const Gradients& gradients, double lr, double scale);
  void step_device(const Parameters& parameters, const Gradients& gradients, double lr,
                   double scale);

  OptimizerOptions options_;
  std::vector<Chunk> chunks_;
  at::Tensor first_, second_, decayed_;  // decayed_: 1 where weight decay applies; only off the CPU
  int64_t steps_ = 0;
};

}  // namespace concertina
