// Regression of the teacher's upper layers: LightHuBERT's target, by data2vec's convention. The
// target is the mean of the FFN results of the teacher's last `top` layers, each
// instance-normalised over time where configured; the prediction is a Linear head on the student's
// last output.
#pragma once

#include "distill/objective/objective.h"
#include "distill/objective/options.h"

namespace concertina {

struct LayerMeanSpec {
  int32_t top = 4;
  Distance distance = Distance::kL1;
  bool instance_norm = true;
  int32_t teacher_depth = 0, teacher_dim = 0;
  int32_t student_dim = 0;  // of the supernet's largest architecture
};

class LayerMeanObjective : public Objective {
 public:
  // InputError when `top` exceeds the teacher's depth.
  explicit LayerMeanObjective(const LayerMeanSpec& spec);

  // The head starts as the identity where both widths agree, else Xavier-uniform.
  std::vector<Parameters::Init> parameters(const Rng& rng) const override;
  std::vector<TensorSlice> slices(const Architecture& student) const override;
  WantedOutputs student_wants(int32_t depth) const override;
  LossBreakdown loss(const LossInput& input) const override;  // one term: "l1" or "mse"
  std::optional<WantedOutputs> teacher_wants() const override;
  // [B, T, teacher_dim] fp32
  at::Tensor teacher_target(const EncoderOutput& teacher) const override;
  std::string to_json() const override;

 private:
  LayerMeanSpec spec_;
};

// (x - mean) / sqrt(variance + 1e-5) of each utterance and channel over its valid frames.
// x [B, T, D], valid [B, T].
at::Tensor instance_norm_over_time(const at::Tensor& x, const at::Tensor& valid);

}  // namespace concertina
