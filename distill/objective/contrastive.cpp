#include "distill/objective/contrastive.h"

#include <fmt/format.h>

#include "core/errors.h"
#include "distill/objective/distance.h"
#include "distill/objective/heads.h"
#include "distill/objective/kind_of.h"
#include "distill/objective/layer_pairing.h"
#include "distill/objective/pooling.h"
#include "distill/objective/regression.h"

namespace concertina {
namespace {

const std::string kHead = "objective.head", kScale = "objective.scale", kKey = "key";
constexpr double kExcluded = -1e4;  // the logit of a key that does not count
constexpr double kLargestScale = 100;

// [B] int64: where the rows begin, -1 where that is not known.
at::Tensor first_of(const StepData& step) {
  if (step.first.defined()) return step.first;
  return at::full({step.valid.size(0)}, -1, step.valid.options().dtype(at::kLong));
}

at::Tensor frames_of(const StepData& step) { return step.valid.sum(1); }

// [B, queue] bool: the keys that are no negatives of a row.
at::Tensor excluded_keys(const StepData& step) {
  const at::Tensor first = first_of(step).unsqueeze(1), end = first + frames_of(step).unsqueeze(1);
  const at::Tensor keys = step.state.at("first").unsqueeze(0);
  const at::Tensor frames = step.state.at("frames").unsqueeze(0);
  const at::Tensor known = first.ge(0).logical_and(keys.ge(0));
  const at::Tensor overlaps = keys.lt(end).logical_and(first.lt(keys + frames));
  return known.logical_and(overlaps).logical_or(frames.eq(0));
}

}  // namespace

const OptionTable<ContrastiveSpec>& ContrastiveObjective::options() {
  using O = ContrastiveSpec;
  static const OptionTable<O> table = {
      option("teacher_layer", &O::teacher_layer, "whose mean over a clip is its key; 0: the last")
          .within({0, 1000}),
      option("queue", &O::queue, "keys of earlier clips").within({1, 1e6}),
  };
  return table;
}

const OptionTable<ContrastiveSpec>& ContrastiveObjective::sizes() {
  using O = ContrastiveSpec;
  static const OptionTable<O> table = {
      option("teacher_depth", &O::teacher_depth, "").within({0, 1e6}),
      option("teacher_dim", &O::teacher_dim, "").within({0, 1e6}),
      option("student_dim", &O::student_dim, "").within({0, 1e6}),
  };
  return table;
}

void ContrastiveObjective::set_sizes(Spec& spec, const ObjectiveSizes& sizes) {
  spec.teacher_depth = sizes.teachers.front().depth;
  spec.teacher_dim = sizes.teachers.front().dim;
  spec.student_dim = sizes.student_dim;
}

std::optional<std::pair<std::string, std::string>> ContrastiveObjective::problem(
    const Spec& spec, int32_t teacher_depth) {
  if (const auto found = missing_layer({spec.teacher_layer}, teacher_depth))
    return std::pair<std::string, std::string>("teacher_layer", found->second);
  return std::nullopt;
}

ContrastiveObjective::ContrastiveObjective(const ContrastiveSpec& spec) : spec_(spec) {
  if (const auto found = problem(spec, spec.teacher_depth))
    throw InputError(fmt::format("objective.{}: {}", found->first, found->second));
}

Row ContrastiveObjective::row() const {
  const int32_t layer = spec_.teacher_layer > 0 ? spec_.teacher_layer : spec_.teacher_depth;
  return {.kind = RowKind::kHidden, .layer = layer};
}

Needs ContrastiveObjective::needs() const { return {.rows = {row()}}; }

WantedOutputs ContrastiveObjective::student_wants(const Architecture&) const { return {}; }

std::vector<Parameters::Init> ContrastiveObjective::parameters(const Rng& rng) const {
  auto values = head_parameters(kHead, spec_.teacher_dim, spec_.student_dim, rng);
  values.push_back({kScale, at::ones({1}), false});
  return values;
}

std::vector<TensorSlice> ContrastiveObjective::slices(const Architecture& student) const {
  auto slices = head_slices(kHead, spec_.teacher_dim, student.embed_dim());
  slices.push_back({.name = kScale, .dims = {{1, {}}}});
  return slices;
}

TensorMap ContrastiveObjective::goal(const Rows& rows, const StepData& step) const {
  return {{kKey, unit_vectors(pooled_over(rows.at(name_of(row())), step.valid))}};
}

LossBreakdown ContrastiveObjective::loss(const LossInput& input) const {
  const Frames& frames = input.student.frames;
  const at::Tensor projected = apply_head(input.heads, kHead, valid_only(frames, frames.x));
  const at::Tensor query =
      unit_vectors(pooled_over(to_base_frames(frames, projected), base_valid(frames)));
  const at::Tensor key = unit_vectors(input.goal.at(kKey));
  const at::Tensor own = (query * key).sum(1, true);
  const at::Tensor others = at::matmul(query, input.step.state.at("keys").t());
  const at::Tensor scale = input.heads.at(kScale).to(at::kFloat).exp().clamp_max(kLargestScale);
  const at::Tensor negatives = (others * scale).masked_fill(excluded_keys(input.step), kExcluded);
  const at::Tensor logits = at::cat({own * scale, negatives}, 1);
  LossBreakdown result;
  result.total = -logits.log_softmax(1).select(1, 0).mean();
  const at::Tensor hits = logits.detach().argmax(1).eq(0).to(at::kFloat);
  result.terms = {{"contrastive", result.total.detach()}, {"accuracy", hits.mean()}};
  result.goal = {{kKey, query.detach()}};
  return result;
}

TensorMap ContrastiveObjective::initial_state(const RowSampler&, const Rng&) const {
  return {{"keys", at::zeros({spec_.queue, spec_.teacher_dim})},
          {"first", at::full({spec_.queue}, -1, at::kLong)},
          {"frames", at::zeros({spec_.queue}, at::kLong)}};
}

TensorMap ContrastiveObjective::observed(const TensorMap& goal, const StepData& step) const {
  return {{"keys", goal.at(kKey)}, {"first", first_of(step)}, {"frames", frames_of(step)}};
}

TensorMap ContrastiveObjective::next_state(const TensorMap& observed, const StepData& step) const {
  TensorMap next;
  for (const auto& [name, added] : observed)
    next[name] = at::cat({step.state.at(name), added}).slice(0, -spec_.queue);
  return next;
}

std::string ContrastiveObjective::to_json() const {
  return saved_json<ContrastiveObjective>(spec_);
}

}  // namespace concertina
