#include "distill/objective/layer_mean.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/errors.h"
#include "distill/objective/heads.h"
#include "distill/objective/kind_of.h"

namespace concertina {
namespace {

const std::string kHead = "objective.head";

Row row_of(const LayerMeanSpec& spec) {
  return {.kind = RowKind::kLayerMean, .layer = spec.top, .instance_norm = spec.instance_norm};
}

}  // namespace

const OptionTable<LayerMeanSpec>& LayerMeanObjective::options() {
  using O = LayerMeanSpec;
  static const OptionTable<O> table = {
      option("top", &O::top, "how many of the teacher's last layers").within({1, 1000}),
      option("distance", &O::distance, "between prediction and target"),
      option("instance_norm", &O::instance_norm,
             "normalise each layer over time first, as data2vec does"),
  };
  return table;
}

const OptionTable<LayerMeanSpec>& LayerMeanObjective::sizes() {
  using O = LayerMeanSpec;
  static const OptionTable<O> table = {
      option("teacher_depth", &O::teacher_depth, "").within({0, 1e6}),
      option("teacher_dim", &O::teacher_dim, "").within({0, 1e6}),
      option("student_dim", &O::student_dim, "").within({0, 1e6}),
  };
  return table;
}

void LayerMeanObjective::set_sizes(Spec& spec, const ObjectiveSizes& sizes) {
  spec.teacher_depth = sizes.teachers.front().depth;
  spec.teacher_dim = sizes.teachers.front().dim;
  spec.student_dim = sizes.student_dim;
}

std::optional<std::pair<std::string, std::string>> LayerMeanObjective::problem(
    const Spec& spec, int32_t teacher_depth) {
  if (spec.top <= teacher_depth) return std::nullopt;
  return std::pair<std::string, std::string>(
      "top", fmt::format("the teacher has {} layers, not {}", teacher_depth, spec.top));
}

LayerMeanObjective::LayerMeanObjective(const LayerMeanSpec& spec)
    : spec_(spec), row_(name_of(row_of(spec))) {
  if (spec.top < 1 || spec.top > spec.teacher_depth) {
    throw InputError(fmt::format("objective.top is {}: the teacher has layers 1 to {}", spec.top,
                                 spec.teacher_depth));
  }
}

Needs LayerMeanObjective::needs() const { return {.rows = {row_of(spec_)}}; }

WantedOutputs LayerMeanObjective::student_wants(const Architecture&) const { return {}; }

std::vector<Parameters::Init> LayerMeanObjective::parameters(const Rng& rng) const {
  auto head = head_parameters(kHead, spec_.teacher_dim, spec_.student_dim, rng);
  if (spec_.teacher_dim == spec_.student_dim) head.front().value = at::eye(spec_.teacher_dim);
  return head;
}

std::vector<TensorSlice> LayerMeanObjective::slices(const Architecture& student) const {
  return head_slices(kHead, spec_.teacher_dim, student.embed_dim());
}

LossBreakdown LayerMeanObjective::loss(const LossInput& input) const {
  const Frames& frames = input.student.frames;
  const at::Tensor& target = input.goal.at(row_);
  at::Tensor prediction =
      to_base_frames(frames, apply_head(input.heads, kHead, valid_only(frames, frames.x)));
  const int64_t length = std::min(prediction.size(1), target.size(1));
  const at::Tensor distance =
      frame_distance(spec_.distance, prediction.narrow(1, 0, length), target.narrow(1, 0, length));
  LossBreakdown result;
  result.total = mean_where(distance, base_valid(frames).narrow(1, 0, length));
  result.terms = {{std::string(enum_name(spec_.distance)), result.total.detach()}};
  result.rows = {{row_, prediction.detach()}};
  return result;
}

ObjectiveOptions layer_mean_options(const LayerMeanSpec& spec) {
  return ObjectiveOptions(options_json<LayerMeanObjective>(spec));
}

std::string LayerMeanObjective::to_json() const { return saved_json<LayerMeanObjective>(spec_); }

}  // namespace concertina
