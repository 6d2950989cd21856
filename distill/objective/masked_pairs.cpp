#include "distill/objective/masked_pairs.h"

#include <fmt/format.h>

#include <algorithm>

#include "distill/objective/kind_of.h"
#include "distill/objective/regression.h"

namespace concertina {
namespace {

Row row_of(int32_t layer, bool masked) {
  return {.kind = RowKind::kHidden, .layer = layer, .masked = masked};
}
std::string target_name(int32_t layer) { return name_of(row_of(layer, false)); }

// [B, length] of the step's mask; nothing where there is none.
at::Tensor mask_of(const StepData& step, const at::Tensor& valid) {
  if (!step.mask.defined()) return at::zeros_like(valid);
  const int64_t length = std::min(step.mask.size(1), valid.size(1));
  const at::Tensor mask = step.mask.narrow(1, 0, length);
  return at::constant_pad_nd(mask, {0, valid.size(1) - length}, false).logical_and(valid);
}

}  // namespace

const OptionTable<MaskedPairsSpec>& MaskedPairsObjective::options() {
  using O = MaskedPairsSpec;
  static const OptionTable<O> table = {
      of_pairing<O>(pairing_options()),
      option("last_weight", &O::last_weight, "of the last layers' pair").within({1e-6, 1e6}),
      option("distance", &O::distance, "between prediction and target"),
      option("head", &O::head, "from the student's width to the teacher's"),
  };
  return table;
}

const OptionTable<MaskedPairsSpec>& MaskedPairsObjective::sizes() {
  return pairing_sizes<MaskedPairsSpec>();
}

void MaskedPairsObjective::set_sizes(Spec& spec, const ObjectiveSizes& sizes) {
  set_pairing_sizes(spec, sizes);
}

std::optional<std::pair<std::string, std::string>> MaskedPairsObjective::problem(
    const Spec& spec, int32_t teacher_depth) {
  return pairing_problem(spec, teacher_depth);
}

MaskedPairsObjective::MaskedPairsObjective(const MaskedPairsSpec& spec) : spec_(spec) {
  check_pairing(spec);
}

Head MaskedPairsObjective::head_of(size_t pair) const {
  return {fmt::format("objective.pairs.{}", pair), spec_.head, spec_.teacher_dim,
          spec_.student_dim};
}

Needs MaskedPairsObjective::needs() const {
  Needs needs{.mask = true};
  for (const int32_t layer : hint_teacher_layers(spec_)) {
    for (const bool masked : {false, true}) needs.rows.push_back(row_of(layer, masked));
  }
  return needs;
}

WantedOutputs MaskedPairsObjective::student_wants(const Architecture& student) const {
  WantedOutputs wants;
  for (const LayerPair& pair : hint_pairs(spec_, spec_.last_weight, student))
    wants.hidden.push_back(pair.student_layer);
  return wants;
}

std::vector<Parameters::Init> MaskedPairsObjective::parameters(const Rng& rng) const {
  std::vector<Parameters::Init> values;
  for (size_t i = 0; i <= pair_count(spec_); ++i) {
    const auto head = head_parameters(head_of(i), rng);
    values.insert(values.end(), head.begin(), head.end());
  }
  return values;
}

std::vector<TensorSlice> MaskedPairsObjective::slices(const Architecture& student) const {
  std::vector<TensorSlice> result;
  for (const LayerPair& pair : hint_pairs(spec_, spec_.last_weight, student)) {
    const auto head = head_slices(head_of(pair.head), student.embed_dim());
    result.insert(result.end(), head.begin(), head.end());
  }
  return result;
}

TensorMap MaskedPairsObjective::goal(const Rows& rows, const StepData& step) const {
  TensorMap goal;
  for (const int32_t layer : hint_teacher_layers(spec_)) {
    const at::Tensor& open = rows.at(name_of(row_of(layer, false)));
    const at::Tensor& masked = rows.at(name_of(row_of(layer, true)));
    const int64_t length = std::min(open.size(1), masked.size(1));
    const at::Tensor mask = mask_of(step, step.valid.narrow(1, 0, length)).unsqueeze(2);
    goal[target_name(layer)] =
        at::where(mask, open.narrow(1, 0, length), masked.narrow(1, 0, length));
  }
  return goal;
}

LossBreakdown MaskedPairsObjective::loss(const LossInput& input) const {
  const Frames& frames = input.student.frames;
  const at::Tensor valid = base_valid(frames), mask = mask_of(input.step, valid);
  LossBreakdown result;
  WeightedMean all, masked, unmasked;
  for (const LayerPair& pair : hint_pairs(spec_, spec_.last_weight, input.architecture)) {
    const std::string name = target_name(pair.teacher_layer);
    const at::Tensor& target = input.goal.at(name);
    const at::Tensor hidden = hidden_of(input.student, pair.student_layer);
    const at::Tensor prediction =
        to_base_frames(frames, apply_head(input.heads, head_of(pair.head), hidden));
    const auto mean = [&](const at::Tensor& where) {
      return mean_distance(spec_.distance, prediction, target, where);
    };
    all.add(mean(valid), pair.weight);
    result.goal[name] = prediction.detach();
    masked.add(mean(mask).detach(), pair.weight);
    unmasked.add(mean(valid.logical_and(mask.logical_not())).detach(), pair.weight);
  }
  result.total = all.value();
  result.terms = {{"masked", masked.value()}, {"unmasked", unmasked.value()}};
  return result;
}

std::string MaskedPairsObjective::to_json() const {
  return saved_json<MaskedPairsObjective>(spec_);
}

}  // namespace concertina
