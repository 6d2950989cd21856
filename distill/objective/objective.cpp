#include "distill/objective/objective.h"

#include <ATen/core/grad_mode.h>

#include "core/errors.h"
#include "supernet/nn/ops.h"

namespace concertina {

at::Tensor Objective::teacher_target(const EncoderOutput&) const {
  CONCERTINA_ASSERT(!"this objective has no teacher");
  return {};
}

LossBreakdown measure(const Objective& objective, const TensorMap& heads, const Subnet& student,
                      const SpeechBatch& batch, const at::Tensor& target) {
  at::NoGradGuard no_grad;
  const TensorMap sliced = slice_tensors(heads, objective.slices(student.architecture));
  const WantedOutputs wants = objective.student_wants(student.architecture.depth());
  const EncoderOutput output = encode(student, batch, wants);
  return objective.loss({output, sliced, target, batch.mask});
}

at::Tensor target_of(const Objective& objective, const Subnet& teacher, const SpeechBatch& batch) {
  at::NoGradGuard no_grad;
  const std::optional<WantedOutputs> wants = objective.teacher_wants();
  CONCERTINA_ASSERT(wants.has_value());
  return objective.teacher_target(encode(teacher, batch, *wants));
}

std::vector<TensorSlice> head_slices(const std::string& name, int64_t out, int64_t embed_dim) {
  TensorSlice weight{.name = name + ".weight", .dims = {{out, {}}, {embed_dim, {}}}};
  weight.decay = weight.low_precision = true;
  TensorSlice bias{.name = name + ".bias", .dims = {{out, {}}}};
  return {std::move(weight), std::move(bias)};
}

at::Tensor apply_head(const TensorMap& heads, const std::string& name, const at::Tensor& x) {
  return linear(x, {heads.at(name + ".weight"), heads.at(name + ".bias")}).to(at::kFloat);
}

at::Tensor mean_where(const at::Tensor& values, const at::Tensor& where) {
  const at::Tensor weight = where.to(values.scalar_type());
  return (values * weight).sum() / weight.sum().clamp_min(1);
}

}  // namespace concertina
