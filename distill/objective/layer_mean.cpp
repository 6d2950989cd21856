#include "distill/objective/layer_mean.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "distill/objective/heads.h"

namespace concertina {
namespace {

const std::string kHead = "objective.head";

}  // namespace

LayerMeanObjective::LayerMeanObjective(const LayerMeanSpec& spec) : spec_(spec) {
  if (spec.top < 1 || spec.top > spec.teacher_depth) {
    throw InputError(fmt::format("objective.top is {}: the teacher has layers 1 to {}", spec.top,
                                 spec.teacher_depth));
  }
}

std::vector<Parameters::Init> LayerMeanObjective::parameters(const Rng& rng) const {
  auto head = head_parameters(kHead, spec_.teacher_dim, spec_.student_dim, rng);
  if (spec_.teacher_dim == spec_.student_dim) head.front().value = at::eye(spec_.teacher_dim);
  return head;
}

std::vector<TensorSlice> LayerMeanObjective::slices(const Architecture& student) const {
  return head_slices(kHead, spec_.teacher_dim, student.embed_dim());
}

WantedOutputs LayerMeanObjective::student_wants(int32_t) const { return {}; }

LossBreakdown LayerMeanObjective::loss(const LossInput& input) const {
  const Frames& frames = input.student.frames;
  at::Tensor prediction = to_base_frames(frames, apply_head(input.heads, kHead, frames.x));
  const int64_t length = std::min(prediction.size(1), input.target.size(1));
  const at::Tensor difference = prediction.narrow(1, 0, length) - input.target.narrow(1, 0, length);
  const bool l1 = spec_.distance == Distance::kL1;
  const at::Tensor distance = (l1 ? difference.abs() : difference.square()).mean(-1);
  LossBreakdown result;
  result.total = mean_where(distance, base_valid(frames).narrow(1, 0, length));
  result.terms = {{std::string(enum_name(spec_.distance)), result.total.detach()}};
  result.prediction = prediction.detach();
  return result;
}

std::optional<WantedOutputs> LayerMeanObjective::teacher_wants() const {
  WantedOutputs wants;
  for (int32_t i = spec_.teacher_depth - spec_.top + 1; i <= spec_.teacher_depth; ++i) {
    wants.ffn_results.push_back(i);
  }
  wants.last_layer = spec_.teacher_depth;
  return wants;
}

at::Tensor LayerMeanObjective::teacher_target(const EncoderOutput& teacher) const {
  const at::Tensor valid = base_valid(teacher.frames);
  const WantedOutputs wants = *teacher_wants();
  at::Tensor sum;
  for (int32_t i : wants.ffn_results) {
    const at::Tensor& result = teacher.ffn_results[static_cast<size_t>(i)];
    CONCERTINA_ASSERT(result.defined());
    at::Tensor x = to_base_frames(teacher.frames, result.to(at::kFloat));
    if (spec_.instance_norm) x = instance_norm_over_time(x, valid);
    sum = sum.defined() ? sum + x : x;
  }
  return sum / static_cast<double>(spec_.top);
}

std::string LayerMeanObjective::to_json() const {
  return nlohmann::json{{"kind", enum_name(ObjectiveKind::kLayerMean)},
                        {"top", spec_.top},
                        {"distance", enum_name(spec_.distance)},
                        {"instance_norm", spec_.instance_norm},
                        {"teacher_depth", spec_.teacher_depth},
                        {"teacher_dim", spec_.teacher_dim},
                        {"student_dim", spec_.student_dim}}
      .dump();
}

at::Tensor instance_norm_over_time(const at::Tensor& x, const at::Tensor& valid) {
  const at::Tensor weight = valid.unsqueeze(2).to(x.scalar_type());
  const at::Tensor count = weight.sum(1, true).clamp_min(1);
  const at::Tensor centred = x - (x * weight).sum(1, true) / count;
  const at::Tensor variance = (centred.square() * weight).sum(1, true) / count;
  return centred * (variance + 1e-5).rsqrt();
}

}  // namespace concertina
