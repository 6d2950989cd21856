#include "distill/objective/temporal_gram.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "distill/objective/kind_of.h"
#include "distill/objective/regression.h"

namespace concertina {
namespace {

// So that inner products are divided by the width.
at::Tensor scaled(const at::Tensor& x) { return x / std::sqrt(static_cast<double>(x.size(2))); }

at::Tensor inner_products(const at::Tensor& a, const at::Tensor& b) {
  return at::matmul(a, b.transpose(1, 2));
}

}  // namespace

const OptionTable<TemporalGramSpec>& TemporalGramObjective::options() {
  using O = TemporalGramSpec;
  static const OptionTable<O> table = {
      of_pairing<O>(pairing_options()),
      option("within_layers", &O::within_layers, "weight of the Gram matrices of layers")
          .within({0, 1e6})
          .require([](const O& o) { return o.within_layers + o.between_layers > 0; },
                   "expected a weight above 0 here or for between_layers"),
      option("between_layers", &O::between_layers,
             "weight of the inner products between a layer and the one before")
          .within({0, 1e6}),
  };
  return table;
}

const OptionTable<TemporalGramSpec>& TemporalGramObjective::sizes() {
  using O = TemporalGramSpec;
  static const OptionTable<O> table = {of_pairing<O>(pairing_depths())};
  return table;
}

void TemporalGramObjective::set_sizes(Spec& spec, const ObjectiveSizes& sizes) {
  set_depths(spec, sizes);
}

std::optional<std::pair<std::string, std::string>> TemporalGramObjective::problem(
    const Spec& spec, int32_t teacher_depth) {
  return pairing_problem(spec, teacher_depth);
}

TemporalGramObjective::TemporalGramObjective(const TemporalGramSpec& spec) : spec_(spec) {
  check_pairing(spec);
}

std::vector<LayerPair> TemporalGramObjective::pairs_of(const Architecture& student) const {
  std::vector<LayerPair> pairs = concertina::pairs_of(spec_, student);
  std::ranges::stable_sort(pairs, {}, &LayerPair::student_layer);
  pairs.insert(pairs.begin(), {0, 0, 0, 1});
  return pairs;
}

std::vector<int32_t> TemporalGramObjective::teacher_layers() const {
  std::vector<int32_t> layers = paired_teacher_layers(spec_);
  if (layers.front() != 0) layers.insert(layers.begin(), 0);
  return layers;
}

Needs TemporalGramObjective::needs() const {
  Needs needs;
  for (const int32_t layer : teacher_layers())
    needs.rows.push_back({.kind = RowKind::kHidden, .layer = layer});
  return needs;
}

WantedOutputs TemporalGramObjective::student_wants(const Architecture& student) const {
  WantedOutputs wants;
  for (const LayerPair& pair : pairs_of(student)) wants.hidden.push_back(pair.student_layer);
  return wants;
}

TensorMap TemporalGramObjective::goal(const Rows& rows, const StepData&) const {
  TensorMap goal;
  for (const int32_t layer : teacher_layers())
    goal[hidden_name(layer)] = scaled(rows.at(hidden_name(layer)));
  return goal;
}

TensorMap TemporalGramObjective::in_place_goal(const Rows& teacher, const LossBreakdown& first,
                                               double weight, const StepData& step) const {
  at::NoGradGuard no_grad;
  TensorMap goal = goal_of(*this, teacher, step);
  for (const auto& [name, own] : first.goal) {
    at::Tensor& row = goal.at(name);
    const at::Tensor blend = at::cat({row * std::sqrt(1 - weight), own * std::sqrt(weight)}, 2);
    row = weight == 1 ? own : blend;
  }
  return goal;
}

LossBreakdown TemporalGramObjective::loss(const LossInput& input) const {
  const Frames& frames = input.student.frames;
  LossBreakdown result;
  WeightedMean within, between;
  at::Tensor own_before, teacher_before;
  for (const LayerPair& pair : pairs_of(input.architecture)) {
    const std::string name = hidden_name(pair.teacher_layer);
    const at::Tensor& teacher = input.goal.at(name);
    const at::Tensor& hidden = input.student.hidden[static_cast<size_t>(pair.student_layer)];
    const at::Tensor own = scaled(at_base_frames(frames, hidden).narrow(1, 0, teacher.size(1)));
    const at::Tensor valid = valid_pairs(base_valid(frames).narrow(1, 0, teacher.size(1)));
    const auto distance = [&](const at::Tensor& ours, const at::Tensor& theirs) {
      const at::Tensor difference = inner_products(ours, own) - inner_products(theirs, teacher);
      return mean_where(difference.square(), valid);
    };
    if (spec_.within_layers > 0) within.add(distance(own, teacher), pair.weight);
    // Of different widths where in place one of both is the teacher's alone.
    if (own_before.defined() && spec_.between_layers > 0 &&
        teacher_before.size(2) == teacher.size(2))
      between.add(distance(own_before, teacher_before), pair.weight);
    own_before = own;
    teacher_before = teacher;
    result.goal[name] = own.detach();
  }
  result.total = no_loss(input.student);
  for (const auto& [name, mean, weight] : {std::tuple("within", &within, spec_.within_layers),
                                           {"between", &between, spec_.between_layers}}) {
    const at::Tensor value = mean->empty() ? no_loss(input.student) : mean->value();
    result.total = result.total + value * weight;
    result.terms.emplace_back(name, value.detach());
  }
  return result;
}

std::string TemporalGramObjective::to_json() const {
  return saved_json<TemporalGramObjective>(spec_);
}

}  // namespace concertina
