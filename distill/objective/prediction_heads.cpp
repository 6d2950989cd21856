#include "distill/objective/prediction_heads.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/errors.h"
#include "distill/objective/kind_of.h"
#include "distill/objective/layer_pairing.h"
#include "distill/objective/regression.h"

namespace concertina {
namespace {

bool weights_fit(const PredictionHeadsSpec& spec) {
  return spec.weights.size() == 1 || spec.weights.size() == spec.teacher_layers.size();
}

bool some_weight(const PredictionHeadsSpec& spec) {
  return std::ranges::any_of(spec.weights, [](double w) { return w > 0; });
}

}  // namespace

const OptionTable<PredictionHeadsSpec>& PredictionHeadsObjective::options() {
  using O = PredictionHeadsSpec;
  static const OptionTable<O> table = {
      option("teacher_layers", &O::teacher_layers,
             "layers that are predicted; 0: the first layer's input; none given: those at thirds "
             "of the depth")
          .within({0, 1000}),
      option("weights", &O::weights, "of the layers: one for all, or one each")
          .within({0, 1e6})
          .require(weights_fit, "expected one number, or one for each of teacher_layers")
          .require(some_weight, "expected at least one above 0"),
      option("distance", &O::distance, "between prediction and target"),
      option("cosine_weight", &O::cosine_weight, "of -log sigmoid(cosine similarity)")
          .within({0, 1e6}),
      option("head", &O::head, "from the student's last output to a layer of the teacher"),
      option("channels", &O::channels,
             "how the teacher's channels are normalised: over the corpus, over each utterance, or "
             "not at all"),
  };
  return table;
}

const OptionTable<PredictionHeadsSpec>& PredictionHeadsObjective::sizes() {
  using O = PredictionHeadsSpec;
  static const OptionTable<O> table = {
      option("teacher_depth", &O::teacher_depth, "").within({0, 1e6}),
      option("teacher_dim", &O::teacher_dim, "").within({0, 1e6}),
      option("student_dim", &O::student_dim, "").within({0, 1e6}),
  };
  return table;
}

void PredictionHeadsObjective::set_sizes(Spec& spec, const ObjectiveSizes& sizes) {
  spec.teacher_depth = sizes.teachers.front().depth;
  spec.teacher_dim = sizes.teachers.front().dim;
  spec.student_dim = sizes.student_dim;
}

std::optional<std::pair<std::string, std::string>> PredictionHeadsObjective::problem(
    const Spec& spec, int32_t teacher_depth) {
  return missing_layer(spec.teacher_layers, teacher_depth);
}

PredictionHeadsObjective::PredictionHeadsObjective(const PredictionHeadsSpec& spec) : spec_(spec) {
  if (const auto found = problem(spec, spec.teacher_depth))
    throw InputError(fmt::format("objective.{}: {}", found->first, found->second));
  if (spec_.teacher_layers.empty()) spec_.teacher_layers = layers_at_thirds(spec.teacher_depth);
  if (!weights_fit(spec_) || !some_weight(spec_)) {
    throw InputError(fmt::format("objective.weights has {} numbers: expected 1 or {}, not all 0",
                                 spec.weights.size(), spec_.teacher_layers.size()));
  }
  for (size_t i = 0; i < spec_.teacher_layers.size(); ++i) rows_.push_back(name_of(row_of(i)));
}

Row PredictionHeadsObjective::row_of(size_t i) const {
  return {.kind = RowKind::kHidden,
          .layer = spec_.teacher_layers[i],
          .instance_norm = spec_.channels == ChannelNorm::kInstance};
}

Head PredictionHeadsObjective::head_of(size_t i) const {
  return {fmt::format("objective.heads.{}", i), spec_.head, spec_.teacher_dim, spec_.student_dim};
}

Needs PredictionHeadsObjective::needs() const {
  Needs needs;
  for (size_t i = 0; i < rows_.size(); ++i) needs.rows.push_back(row_of(i));
  return needs;
}

WantedOutputs PredictionHeadsObjective::student_wants(const Architecture&) const { return {}; }

std::vector<Parameters::Init> PredictionHeadsObjective::parameters(const Rng& rng) const {
  std::vector<Parameters::Init> values;
  for (size_t i = 0; i < rows_.size(); ++i) {
    const auto head = head_parameters(head_of(i), rng);
    values.insert(values.end(), head.begin(), head.end());
  }
  return values;
}

std::vector<TensorSlice> PredictionHeadsObjective::slices(const Architecture& student) const {
  std::vector<TensorSlice> result;
  for (size_t i = 0; i < rows_.size(); ++i) {
    const auto head = head_slices(head_of(i), student.embed_dim());
    result.insert(result.end(), head.begin(), head.end());
  }
  return result;
}

TensorMap PredictionHeadsObjective::goal(const Rows& rows, const StepData& step) const {
  TensorMap goal;
  for (const std::string& row : rows_)
    goal[row] = standardised(spec_.channels, row, rows.at(row), step.state);
  return goal;
}

LossBreakdown PredictionHeadsObjective::loss(const LossInput& input) const {
  const Frames& frames = input.student.frames;
  const at::Tensor valid = base_valid(frames), last = valid_only(frames, frames.x);
  LossBreakdown result;
  WeightedMean distances, cosines;
  for (size_t i = 0; i < rows_.size(); ++i) {
    const double weight = spec_.weights.size() == 1 ? spec_.weights[0] : spec_.weights[i];
    const at::Tensor& target = input.goal.at(rows_[i]);
    const at::Tensor prediction = to_base_frames(frames, apply_head(input.heads, head_of(i), last));
    distances.add(mean_distance(spec_.distance, prediction, target, valid), weight);
    if (spec_.cosine_weight > 0) {
      const int64_t length = std::min(prediction.size(1), target.size(1));
      const at::Tensor cosine =
          log_sigmoid_cosine(prediction.narrow(1, 0, length), target.narrow(1, 0, length));
      cosines.add(mean_where(cosine, valid.narrow(1, 0, length)), weight);
    }
    result.rows[rows_[i]] =
        original_scale(spec_.channels, rows_[i], prediction.detach(), input.step.state);
  }
  result.total = distances.value();
  result.terms = {{std::string(enum_name(spec_.distance)), result.total.detach()}};
  if (!cosines.empty()) {
    result.terms.emplace_back("log_sigmoid_cosine", cosines.value().detach());
    result.total = result.total + cosines.value() * spec_.cosine_weight;
  }
  return result;
}

TensorMap PredictionHeadsObjective::initial_state(const RowSampler& sample, const Rng&) const {
  return channel_statistics(spec_.channels, rows_, sample);
}

std::string PredictionHeadsObjective::to_json() const {
  return saved_json<PredictionHeadsObjective>(spec_);
}

}  // namespace concertina
