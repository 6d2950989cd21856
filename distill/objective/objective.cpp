#include "distill/objective/objective.h"

#include <ATen/core/grad_mode.h>

#include "core/errors.h"

namespace concertina {

at::Tensor Objective::teacher_target(const EncoderOutput&) const {
  CONCERTINA_ASSERT(!"this objective has no teacher");
  return {};
}

at::Tensor target_of(const Objective& objective, const Subnet& teacher, const SpeechBatch& batch) {
  at::NoGradGuard no_grad;
  const std::optional<WantedOutputs> wants = objective.teacher_wants();
  CONCERTINA_ASSERT(wants.has_value());
  return objective.teacher_target(encode(teacher, batch, *wants));
}

at::Tensor mean_where(const at::Tensor& values, const at::Tensor& where) {
  const at::Tensor weight = where.to(values.scalar_type());
  return (values * weight).sum() / weight.sum().clamp_min(1);
}

}  // namespace concertina
