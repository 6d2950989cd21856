#include "distill/objective/layer_pairs.h"

#include <fmt/format.h>

#include <set>

#include "distill/objective/kind_of.h"
#include "distill/objective/regression.h"

namespace concertina {

const OptionTable<LayerPairsSpec>& LayerPairsObjective::options() {
  using O = LayerPairsSpec;
  static const OptionTable<O> table = {
      of_pairing<O>(pairing_options()),
      option("distance", &O::distance, "between prediction and target"),
      option("channels", &O::channels,
             "how the teacher's channels are normalised: over the corpus, over each utterance, or "
             "not at all"),
      option("head", &O::head, "from the student's width to the teacher's"),
      option("shared_head", &O::shared_head, "one head for all pairs"),
      option("embeddings", &O::embeddings, "the layers' inputs are a pair too, with weight 1"),
  };
  return table;
}

const OptionTable<LayerPairsSpec>& LayerPairsObjective::sizes() {
  return pairing_sizes<LayerPairsSpec>();
}

void LayerPairsObjective::set_sizes(Spec& spec, const ObjectiveSizes& sizes) {
  set_pairing_sizes(spec, sizes);
}

std::optional<std::pair<std::string, std::string>> LayerPairsObjective::problem(
    const Spec& spec, int32_t teacher_depth) {
  return pairing_problem(spec, teacher_depth);
}

LayerPairsObjective::LayerPairsObjective(const LayerPairsSpec& spec) : spec_(spec) {
  check_pairing(spec);
  heads_ = spec.shared_head ? 1 : pair_count(spec) + (spec.embeddings ? 1 : 0);
  teacher_layers_ = paired_teacher_layers(spec);
  if (spec.embeddings && teacher_layers_.front() != 0)
    teacher_layers_.insert(teacher_layers_.begin(), 0);
}

std::vector<LayerPair> LayerPairsObjective::pairs_of(const Architecture& student) const {
  std::vector<LayerPair> pairs = concertina::pairs_of(spec_, student);
  if (spec_.embeddings) pairs.insert(pairs.begin(), {0, 0, pair_count(spec_), 1});
  if (spec_.shared_head) {
    for (LayerPair& pair : pairs) pair.head = 0;
  }
  return pairs;
}

Row LayerPairsObjective::row_of(int32_t teacher_layer) const {
  return {.kind = RowKind::kHidden,
          .layer = teacher_layer,
          .instance_norm = spec_.channels == ChannelNorm::kInstance};
}

Head LayerPairsObjective::head_of(size_t pair) const {
  return {fmt::format("objective.pairs.{}", pair), spec_.head, spec_.teacher_dim,
          spec_.student_dim};
}

std::vector<std::string> LayerPairsObjective::row_names() const {
  std::vector<std::string> names;
  for (const int32_t layer : teacher_layers_) names.push_back(name_of(row_of(layer)));
  return names;
}

Needs LayerPairsObjective::needs() const {
  Needs needs;
  for (const int32_t layer : teacher_layers_) needs.rows.push_back(row_of(layer));
  return needs;
}

WantedOutputs LayerPairsObjective::student_wants(const Architecture& student) const {
  WantedOutputs wants;
  for (const LayerPair& pair : pairs_of(student)) wants.hidden.push_back(pair.student_layer);
  return wants;
}

std::vector<Parameters::Init> LayerPairsObjective::parameters(const Rng& rng) const {
  std::vector<Parameters::Init> values;
  for (size_t i = 0; i < heads_; ++i) {
    const auto head = head_parameters(head_of(i), rng);
    values.insert(values.end(), head.begin(), head.end());
  }
  return values;
}

std::vector<TensorSlice> LayerPairsObjective::slices(const Architecture& student) const {
  std::vector<TensorSlice> result;
  std::set<size_t> seen;
  for (const LayerPair& pair : pairs_of(student)) {
    if (!seen.insert(pair.head).second) continue;
    const auto head = head_slices(head_of(pair.head), student.embed_dim());
    result.insert(result.end(), head.begin(), head.end());
  }
  return result;
}

TensorMap LayerPairsObjective::goal(const Rows& rows, const StepData& step) const {
  TensorMap goal;
  for (const std::string& row : row_names())
    goal[row] = standardised(spec_.channels, row, rows.at(row), step.state);
  return goal;
}

LossBreakdown LayerPairsObjective::loss(const LossInput& input) const {
  const Frames& frames = input.student.frames;
  const at::Tensor valid = base_valid(frames);
  LossBreakdown result;
  WeightedMean mean;
  for (const LayerPair& pair : pairs_of(input.architecture)) {
    const std::string row = name_of(row_of(pair.teacher_layer));
    const at::Tensor hidden = hidden_of(input.student, pair.student_layer);
    const at::Tensor prediction =
        to_base_frames(frames, apply_head(input.heads, head_of(pair.head), hidden));
    mean.add(mean_distance(spec_.distance, prediction, input.goal.at(row), valid), pair.weight);
    result.rows[row] = original_scale(spec_.channels, row, prediction.detach(), input.step.state);
  }
  result.total = mean.value();
  result.terms = {{std::string(enum_name(spec_.distance)), result.total.detach()}};
  return result;
}

TensorMap LayerPairsObjective::initial_state(const RowSampler& sample, const Rng&) const {
  return channel_statistics(spec_.channels, row_names(), sample);
}

std::string LayerPairsObjective::to_json() const { return saved_json<LayerPairsObjective>(spec_); }

}  // namespace concertina
