#include "distill/objective/prototypes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/errors.h"
#include "distill/objective/channel_norm.h"
#include "distill/objective/distance.h"
#include "distill/objective/kind_of.h"
#include "distill/objective/layer_pairing.h"
#include "distill/objective/pooling.h"
#include "distill/objective/regression.h"

namespace concertina {
namespace {

const std::string kState = "prototypes", kGoal = "assignments";

at::Tensor concatenated(const Rows& rows, const std::vector<std::string>& names) {
  std::vector<at::Tensor> parts;
  int64_t length = rows.at(names.front()).size(1);
  for (const std::string& name : names) length = std::min(length, rows.at(name).size(1));
  for (const std::string& name : names)
    parts.push_back(unit_vectors(rows.at(name).narrow(1, 0, length)));
  return at::cat(parts, 2);
}

// [B, T, count]
at::Tensor log_assignments(const at::Tensor& x, const at::Tensor& prototypes, double temperature) {
  const at::Tensor cosines = at::matmul(unit_vectors(x), unit_vectors(prototypes).t());
  return (cosines / temperature).log_softmax(-1);
}

at::Tensor entropy(const at::Tensor& assignments) {
  return -at::xlogy(assignments, assignments).sum(-1);
}

}  // namespace

at::Tensor assignment_information(const at::Tensor& assignments) {
  const at::Tensor gained = entropy(assignments.mean(0)) - entropy(assignments).mean();
  return gained / std::log(static_cast<double>(assignments.size(-1)));
}

const OptionTable<PrototypesSpec>& PrototypesObjective::options() {
  using O = PrototypesSpec;
  static const OptionTable<O> table = {
      option("teacher_layers", &O::teacher_layers,
             "layers whose frames are clustered; none given: those at thirds of the depth")
          .within({0, 1000}),
      option("count", &O::count, "of prototypes").within({2, 100000}),
      option("temperature", &O::temperature, "of the softmax over prototypes").within({1e-3, 100}),
      option("head", &O::head, "from the student's last output to the teacher's layers"),
  };
  return table;
}

const OptionTable<PrototypesSpec>& PrototypesObjective::sizes() {
  using O = PrototypesSpec;
  static const OptionTable<O> table = {
      option("teacher_depth", &O::teacher_depth, "").within({0, 1e6}),
      option("teacher_dim", &O::teacher_dim, "").within({0, 1e6}),
      option("student_dim", &O::student_dim, "").within({0, 1e6}),
  };
  return table;
}

void PrototypesObjective::set_sizes(Spec& spec, const ObjectiveSizes& sizes) {
  spec.teacher_depth = sizes.teachers.front().depth;
  spec.teacher_dim = sizes.teachers.front().dim;
  spec.student_dim = sizes.student_dim;
}

std::optional<std::pair<std::string, std::string>> PrototypesObjective::problem(
    const Spec& spec, int32_t teacher_depth) {
  return missing_layer(spec.teacher_layers, teacher_depth);
}

PrototypesObjective::PrototypesObjective(const PrototypesSpec& spec) : spec_(spec) {
  if (const auto found = problem(spec, spec.teacher_depth))
    throw InputError(fmt::format("objective.{}: {}", found->first, found->second));
  if (spec_.teacher_layers.empty()) spec_.teacher_layers = layers_at_thirds(spec.teacher_depth);
}

std::vector<std::string> PrototypesObjective::row_names() const {
  std::vector<std::string> names;
  for (const Row& row : needs().rows) names.push_back(name_of(row));
  return names;
}

Head PrototypesObjective::head() const {
  const auto layers = static_cast<int64_t>(spec_.teacher_layers.size());
  return {"objective.head", spec_.head, layers * spec_.teacher_dim, spec_.student_dim};
}

Needs PrototypesObjective::needs() const {
  Needs needs;
  for (const int32_t layer : spec_.teacher_layers)
    needs.rows.push_back({.kind = RowKind::kHidden, .layer = layer});
  return needs;
}

WantedOutputs PrototypesObjective::student_wants(const Architecture&) const { return {}; }

std::vector<Parameters::Init> PrototypesObjective::parameters(const Rng& rng) const {
  return head_parameters(head(), rng);
}

std::vector<TensorSlice> PrototypesObjective::slices(const Architecture& student) const {
  return head_slices(head(), student.embed_dim());
}

TensorMap PrototypesObjective::goal(const Rows& rows, const StepData& step) const {
  const at::Tensor x = concatenated(rows, row_names());
  return {{kGoal, log_assignments(x, step.state.at(kState), spec_.temperature).exp()}};
}

LossBreakdown PrototypesObjective::loss(const LossInput& input) const {
  const Frames& frames = input.student.frames;
  const at::Tensor& teacher = input.goal.at(kGoal);
  const int64_t length = teacher.size(1);
  const at::Tensor valid = base_valid(frames).narrow(1, 0, length);
  const at::Tensor last = apply_head(input.heads, head(), valid_only(frames, frames.x));
  const at::Tensor x = to_base_frames(frames, last).narrow(1, 0, length);
  const at::Tensor own = log_assignments(x, input.step.state.at(kState), spec_.temperature);
  const at::Tensor divergence = (at::xlogy(teacher, teacher) - teacher * own).sum(-1);
  const at::Tensor agrees = own.detach().argmax(-1).eq(teacher.argmax(-1)).to(at::kFloat);
  LossBreakdown result;
  result.total = mean_where(divergence, valid);
  result.terms = {{"divergence", result.total.detach()}, {"agreement", mean_where(agrees, valid)}};
  if (!input.step.progress) {
    const at::Tensor frame = valid.flatten().nonzero().flatten();
    const at::Tensor seen = teacher.flatten(0, 1).index_select(0, frame);
    result.terms.emplace_back("guard.information", assignment_information(seen));
  }
  result.goal = {{kGoal, own.detach().exp()}};
  return result;
}

TensorMap PrototypesObjective::initial_state(const RowSampler& sample, const Rng& rng) const {
  std::vector<at::Tensor> frames;
  for (int64_t i = 0; i < kStatisticsBatches; ++i) {
    const RowBatch batch = sample(i);
    const at::Tensor x = concatenated(batch.rows, row_names());
    const int64_t length = std::min(x.size(1), batch.valid.size(1));
    const at::Tensor valid = batch.valid.narrow(1, 0, length).flatten();
    const at::Tensor seen =
        x.narrow(1, 0, length).flatten(0, 1).index_select(0, valid.nonzero().flatten());
    const int64_t each = kFittedFrames / kStatisticsBatches;
    const int64_t stride = std::max<int64_t>(1, (seen.size(0) + each - 1) / each);
    frames.push_back(seen.slice(0, 0, std::nullopt, stride));
  }
  const at::Tensor all = at::cat(frames);
  if (all.size(0) < spec_.count) {
    throw InputError(fmt::format("objective.count is {}: {} frames were read to fit prototypes",
                                 spec_.count, all.size(0)));
  }
  return {{kState, cluster_centres(all, spec_.count, kRounds, rng)}};
}

std::string PrototypesObjective::to_json() const { return saved_json<PrototypesObjective>(spec_); }

}  // namespace concertina
