// What objectives that regress rows have in common.
#pragma once

#include <ATen/ATen.h>

#include "distill/objective/distance.h"
#include "distill/objective/objective.h"

namespace concertina {

// Mean over valid frames of the distance of prediction and target, cut to the shorter. Both
// [B, T, D], valid [B, T] of the student. 0-d, differentiable.
at::Tensor mean_distance(Distance distance, const at::Tensor& prediction, const at::Tensor& target,
                         const at::Tensor& valid);

// [B, T', E] of the student's kept layer, 1 to depth (0: the layers' input), 0 in invalid frames.
at::Tensor hidden_of(const EncoderOutput& student, int32_t layer);

// x [B, T', C] of the student at base frames, [B, T, C] fp32, computed from its valid frames.
at::Tensor at_base_frames(const Frames& frames, const at::Tensor& x);

// valid [B, T] -> [B, T, T]: pairs of valid frames of one clip.
at::Tensor valid_pairs(const at::Tensor& valid);

// 0 with a graph: of a student to which an objective does not apply.
at::Tensor no_loss(const EncoderOutput& student);

// sum_i w_i x_i / sum_i w_i of 0-d tensors.
class WeightedMean {
 public:
  void add(const at::Tensor& x, double weight);
  bool empty() const { return !sum_.defined(); }
  at::Tensor value() const { return sum_ / weights_; }

 private:
  at::Tensor sum_;
  double weights_ = 0;
};

}  // namespace concertina
