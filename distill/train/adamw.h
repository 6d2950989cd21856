// AdamW (Loshchilov & Hutter 2019) over flat buffers in one fused pass. Elements that no sampled
// slice touched are skipped entirely, weight decay and momentum included. The bias correction
// counts the updates of each element, so that a slice first sampled late is updated by the same rule
// as one sampled from the start.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "distill/train/options.h"
#include "supernet/model/parameters.h"

namespace concertina {

struct ElementRange {  // of the flat buffers
  int64_t begin = 0, end = 0;
};

struct OptimizerState {
  at::Tensor first_moment, second_moment;  // [numel] fp32
  at::Tensor updates;                      // [numel] int16: of each element
};

// The factor that scales a gradient of norm `norm` (0-d fp64) to a norm of at most `clip`; clip 0: 1.
at::Tensor clip_scale(const at::Tensor& norm, double clip);

// Not thread-safe. On the CPU the result does not depend on the number of threads.
class AdamW {
 public:
  // With `range`, only its parameters are updated and only its moments exist, while the updates of all
  // elements are counted: the other processes of the run have the other ranges.
  AdamW(const Parameters& parameters, const OptimizerOptions& options,
        std::optional<ElementRange> range = {});

  // One update at the learning rate `lr`, times each parameter's lr_scale, with the gradient times `scale` (0-d fp64 on the parameters' device). Nothing changes
  // when `scale` is not finite; otherwise the gradients must be. Only on the CPU does the host read
  // `scale`.
  void step(const Parameters& parameters, const Gradients& gradients, double lr,
            const at::Tensor& scale);

  // Update counts saturate here. Corrections are 1 by then, in fp32, with betas up to kMaxBeta:
  // kMaxBeta^kMaxUpdates = 2.9e-9, half the spacing of floats below 1 is 3.0e-8. For a beta2 of
  // 0.9999 they would stay 1.9 % off, so options reject larger betas.
  static constexpr int64_t kMaxUpdates = 32766;
  static constexpr double kMaxBeta = 0.9994;
  // Its own tensors, not copies; the moments are those of the range.
  const OptimizerState& state() const { return state_; }

 private:
  struct Correction {
    double first, second;  // 1 / (1 - beta1^n), 1 / sqrt(1 - beta2^n)
  };
  struct Chunk {  // of one parameter
    int64_t begin, end;
    bool decay;
    double lr_scale;
    bool in_range;
  };
  void step_cpu(const Parameters& parameters, const Gradients& gradients, double lr, double scale);
  void step_device(const Parameters& parameters, const Gradients& gradients, double lr,
                   const at::Tensor& scale);
  void step_part(ElementRange part, const Parameters& parameters, const Gradients& gradients,
                 double lr, const at::Tensor& scale);

  OptimizerOptions options_;
  ElementRange range_;
  std::vector<Chunk> chunks_;
  OptimizerState state_;
  at::Tensor decayed_;                   // bool: weight decay applies; undefined on the CPU
  at::Tensor lr_scales_;                 // fp32; undefined on the CPU and where all are 1
  std::vector<Correction> corrections_;  // by number of updates
};

}  // namespace concertina
