#include "distill/objective/hints.h"

#include <fmt/format.h>

#include "distill/objective/kind_of.h"
#include "distill/objective/regression.h"

namespace concertina {

const OptionTable<HintsSpec>& HintsObjective::options() {
  using O = HintsSpec;
  static const OptionTable<O> table = {
      of_pairing<O>(pairing_options()),
      option("last_weight", &O::last_weight, "of the last layers' pair").within({1e-6, 1e6}),
      option("distance", &O::distance, "between prediction and target"),
      option(
          "phases", &O::phases,
          "base frames in a frame of the student that have a matrix of their own; 2: FitHuBERT's "
          "transposed convolution of 40 ms frames")
          .within({1, 16}),
  };
  return table;
}

const OptionTable<HintsSpec>& HintsObjective::sizes() { return pairing_sizes<HintsSpec>(); }

void HintsObjective::set_sizes(Spec& spec, const ObjectiveSizes& sizes) {
  set_pairing_sizes(spec, sizes);
}

std::optional<std::pair<std::string, std::string>> HintsObjective::problem(const Spec& spec,
                                                                           int32_t teacher_depth) {
  return pairing_problem(spec, teacher_depth);
}

HintsObjective::HintsObjective(const HintsSpec& spec) : spec_(spec) { check_pairing(spec); }

std::string HintsObjective::row_of(int32_t teacher_layer) const {
  return name_of({.kind = RowKind::kHidden, .layer = teacher_layer});
}

Upsampling HintsObjective::upsampling_of(size_t head) const {
  return {fmt::format("objective.hints.{}.up", head), spec_.phases, spec_.student_dim};
}

Head HintsObjective::head_of(size_t head) const {
  return {fmt::format("objective.hints.{}", head), HeadKind::kLinear, spec_.teacher_dim,
          spec_.student_dim};
}

Needs HintsObjective::needs() const {
  Needs needs;
  for (const int32_t layer : hint_teacher_layers(spec_))
    needs.rows.push_back({.kind = RowKind::kHidden, .layer = layer});
  return needs;
}

WantedOutputs HintsObjective::student_wants(const Architecture& student) const {
  WantedOutputs wants;
  for (const LayerPair& pair : hint_pairs(spec_, spec_.last_weight, student))
    wants.hidden.push_back(pair.student_layer);
  return wants;
}

std::vector<Parameters::Init> HintsObjective::parameters(const Rng& rng) const {
  std::vector<Parameters::Init> values;
  for (size_t i = 0; i <= pair_count(spec_); ++i) {
    for (const auto& part :
         {upsampling_parameters(upsampling_of(i)), head_parameters(head_of(i), rng)})
      values.insert(values.end(), part.begin(), part.end());
  }
  return values;
}

std::vector<TensorSlice> HintsObjective::slices(const Architecture& student) const {
  std::vector<TensorSlice> result;
  for (const LayerPair& pair : hint_pairs(spec_, spec_.last_weight, student)) {
    for (const auto& part : {upsampling_slices(upsampling_of(pair.head), student),
                             head_slices(head_of(pair.head), student.embed_dim())})
      result.insert(result.end(), part.begin(), part.end());
  }
  return result;
}

LossBreakdown HintsObjective::loss(const LossInput& input) const {
  const Frames& frames = input.student.frames;
  const at::Tensor valid = base_valid(frames);
  LossBreakdown result;
  WeightedMean all, hints;
  at::Tensor last;
  for (const LayerPair& pair : hint_pairs(spec_, spec_.last_weight, input.architecture)) {
    const std::string row = row_of(pair.teacher_layer);
    const at::Tensor hidden = hidden_of(input.student, pair.student_layer);
    const at::Tensor fine = upsample(input.heads, upsampling_of(pair.head), frames, hidden);
    const at::Tensor prediction = apply_head(input.heads, head_of(pair.head), fine);
    const at::Tensor distance =
        mean_distance(spec_.distance, prediction, input.goal.at(row), valid);
    all.add(distance, pair.weight);
    const bool is_last = pair.head == pair_count(spec_);
    if (is_last) last = distance.detach();
    if (!is_last) hints.add(distance.detach(), pair.weight);
    result.rows[row] = prediction.detach();
  }
  result.total = all.value();
  result.terms = {{"last", last}, {"hints", hints.empty() ? at::zeros_like(last) : hints.value()}};
  return result;
}

std::string HintsObjective::to_json() const { return saved_json<HintsObjective>(spec_); }

}  // namespace concertina
