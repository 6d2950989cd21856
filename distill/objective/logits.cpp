#include "distill/objective/logits.h"

#include <algorithm>

#include "distill/objective/kind_of.h"

namespace concertina {

const OptionTable<LogitsSpec>& LogitsObjective::options() {
  using O = LogitsSpec;
  static const OptionTable<O> table = {
      option("loss", &O::loss,
             "divergence from the teacher's probabilities, or cross-entropy to its likeliest unit"),
      option("temperature", &O::temperature, "of the probabilities that kl compares")
          .within({1e-3, 1e3}),
      option("smoothing", &O::smoothing, "share of the target that all units have equal parts of")
          .within({0, 0.999}),
      option("head", &O::head, "from the student's last layer to the units"),
  };
  return table;
}

const OptionTable<LogitsSpec>& LogitsObjective::sizes() {
  using O = LogitsSpec;
  static const OptionTable<O> table = {
      option("units", &O::units, "").within({1, 1e6}),
      option("teacher_depth", &O::teacher_depth, "").within({0, 1e6}),
      option("student_dim", &O::student_dim, "").within({0, 1e6}),
  };
  return table;
}

void LogitsObjective::set_sizes(Spec& spec, const ObjectiveSizes& sizes) {
  spec.units = sizes.teachers.front().units;
  spec.teacher_depth = sizes.teachers.front().depth;
  spec.student_dim = sizes.student_dim;
}

std::optional<std::pair<std::string, std::string>> LogitsObjective::problem(const Spec&, int32_t) {
  return std::nullopt;
}

Head LogitsObjective::head() const {
  return {"objective.head", spec_.head, spec_.units, spec_.student_dim};
}

Row LogitsObjective::row() const {
  return {.kind = RowKind::kLogits, .layer = spec_.teacher_depth};
}

Needs LogitsObjective::needs() const { return {.rows = {row()}}; }

WantedOutputs LogitsObjective::student_wants(const Architecture& student) const {
  WantedOutputs wants;
  wants.hidden = {student.depth()};
  return wants;
}

std::vector<Parameters::Init> LogitsObjective::parameters(const Rng& rng) const {
  return head_parameters(head(), rng);
}

std::vector<TensorSlice> LogitsObjective::slices(const Architecture& student) const {
  return head_slices(head(), student.embed_dim());
}

at::Tensor LogitsObjective::target_of(const at::Tensor& logits) const {
  const bool soft = spec_.loss == LogitsLoss::kKl;
  const at::Tensor target =
      soft ? (logits / spec_.temperature).softmax(-1)
           : at::one_hot(logits.argmax(-1), spec_.units).to(logits.scalar_type());
  if (spec_.smoothing == 0) return target;
  return target * (1 - spec_.smoothing) + spec_.smoothing / spec_.units;
}

LossBreakdown LogitsObjective::loss(const LossInput& input) const {
  const Frames& frames = input.student.frames;
  const at::Tensor hidden =
      valid_only(frames, input.student.hidden[static_cast<size_t>(input.architecture.depth())]);
  const at::Tensor logits = to_base_frames(frames, apply_head(input.heads, head(), hidden));
  const std::string name = name_of(row());
  const at::Tensor& given = input.goal.at(name);
  const int64_t length = std::min(logits.size(1), given.size(1));
  const at::Tensor own = logits.narrow(1, 0, length), theirs = given.narrow(1, 0, length);
  const at::Tensor valid = base_valid(frames).narrow(1, 0, length), target = target_of(theirs);
  const bool soft = spec_.loss == LogitsLoss::kKl;
  const double temperature = soft ? spec_.temperature : 1;
  at::Tensor each = -(target * (own / temperature).log_softmax(-1)).sum(-1);
  if (soft) each = (each + at::xlogy(target, target).sum(-1)) * (temperature * temperature);
  const at::Tensor agrees = own.detach().argmax(-1).eq(theirs.argmax(-1)).to(at::kFloat);
  LossBreakdown result;
  result.total = mean_where(each, valid);
  result.terms = {{std::string(enum_name(spec_.loss)), result.total.detach()},
                  {"agreement", mean_where(agrees, valid)}};
  result.rows[name] = logits.detach();
  return result;
}

std::string LogitsObjective::to_json() const { return saved_json<LogitsObjective>(spec_); }

}  // namespace concertina
