#include "distill/objective/attention_scores.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "distill/objective/kind_of.h"
#include "distill/objective/regression.h"

namespace concertina {
namespace {

std::string scores_name(int32_t layer) { return fmt::format("scores:{}", layer); }

// q, k [B, T, heads * head_dim]
at::Tensor scores_of(const at::Tensor& q, const at::Tensor& k, int64_t head_dim,
                     ComparedHeads heads) {
  const double scale = std::sqrt(static_cast<double>(head_dim));
  if (heads == ComparedHeads::kMean) {
    const auto count = static_cast<double>(q.size(2) / head_dim);
    return at::matmul(q, k.transpose(1, 2)).unsqueeze(1) / (scale * count);
  }
  const auto by_head = [&](const at::Tensor& x) {
    return x.reshape({x.size(0), x.size(1), -1, head_dim}).transpose(1, 2);
  };
  return at::matmul(by_head(q), by_head(k).transpose(2, 3)) / scale;
}

}  // namespace

const OptionTable<AttentionScoresSpec>& AttentionScoresObjective::options() {
  using O = AttentionScoresSpec;
  static const OptionTable<O> table = {
      of_pairing<O>(pairing_options()),
      option("heads", &O::heads,
             "what is compared: the mean over the heads of each, or the first heads of both"),
  };
  return table;
}

const OptionTable<AttentionScoresSpec>& AttentionScoresObjective::sizes() {
  using O = AttentionScoresSpec;
  static const OptionTable<O> table = {
      of_pairing<O>(pairing_depths()),
      option("teacher_head_dim", &O::teacher_head_dim, "").within({1, 1e6}),
      option("student_head_dim", &O::student_head_dim, "").within({1, 1e6}),
  };
  return table;
}

void AttentionScoresObjective::set_sizes(Spec& spec, const ObjectiveSizes& sizes) {
  set_depths(spec, sizes);
  spec.teacher_head_dim = sizes.teachers.front().head_dim;
  spec.student_head_dim = sizes.student_head_dim;
}

std::optional<std::pair<std::string, std::string>> AttentionScoresObjective::problem(
    const Spec& spec, int32_t teacher_depth) {
  return attention_problem(spec, teacher_depth);
}

AttentionScoresObjective::AttentionScoresObjective(const AttentionScoresSpec& spec) : spec_(spec) {
  check_attention_pairing(spec);
}

Needs AttentionScoresObjective::needs() const {
  Needs needs;
  for (const int32_t layer : paired_teacher_layers(spec_)) {
    for (const RowKind kind : {RowKind::kQuery, RowKind::kKey})
      needs.rows.push_back({.kind = kind, .layer = layer});
  }
  return needs;
}

WantedOutputs AttentionScoresObjective::student_wants(const Architecture& student) const {
  WantedOutputs wants;
  for (const LayerPair& pair : attention_pairs_of(spec_, student))
    wants.queries.push_back(pair.student_layer);
  wants.keys = wants.queries;
  return wants;
}

TensorMap AttentionScoresObjective::goal(const Rows& rows, const StepData&) const {
  TensorMap goal;
  for (const int32_t layer : paired_teacher_layers(spec_)) {
    const at::Tensor& q = rows.at(name_of({.kind = RowKind::kQuery, .layer = layer}));
    const at::Tensor& k = rows.at(name_of({.kind = RowKind::kKey, .layer = layer}));
    goal[scores_name(layer)] = scores_of(q, k, spec_.teacher_head_dim, spec_.heads);
  }
  return goal;
}

LossBreakdown AttentionScoresObjective::loss(const LossInput& input) const {
  const Frames& frames = input.student.frames;
  LossBreakdown result;
  WeightedMean mean;
  for (const LayerPair& pair : attention_pairs_of(spec_, input.architecture)) {
    const auto layer = static_cast<size_t>(pair.student_layer);
    const at::Tensor &q = input.student.queries[layer], &k = input.student.keys[layer];
    if (!q.defined()) continue;  // the layer reuses another one's attention map
    const std::string name = scores_name(pair.teacher_layer);
    const at::Tensor& teacher = input.goal.at(name);
    const int64_t length = teacher.size(2);
    const at::Tensor own = scores_of(at_base_frames(frames, q).narrow(1, 0, length),
                                     at_base_frames(frames, k).narrow(1, 0, length),
                                     spec_.student_head_dim, spec_.heads);
    const int64_t heads = std::min(own.size(1), teacher.size(1));
    const at::Tensor difference = own.narrow(1, 0, heads) - teacher.narrow(1, 0, heads);
    const at::Tensor valid = base_valid(frames).narrow(1, 0, length);
    mean.add(mean_where(difference.square().mean(1), valid_pairs(valid)), pair.weight);
    result.goal[name] = own.detach();
  }
  result.total = mean.empty() ? no_loss(input.student) : mean.value();
  result.terms = {{"scores", result.total.detach()}};
  return result;
}

std::string AttentionScoresObjective::to_json() const {
  return saved_json<AttentionScoresObjective>(spec_);
}

}  // namespace concertina
