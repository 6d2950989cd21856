#include "distill/objective/relations.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "distill/objective/kind_of.h"
#include "distill/objective/regression.h"

namespace concertina {
namespace {

// Added to scores of invalid frames: their share is 0, and their products with it are finite.
constexpr double kExcluded = -1e4;

// [B, heads, T, T]
at::Tensor log_relation(const at::Tensor& x, const at::Tensor& valid, int64_t heads) {
  const int64_t dim = (x.size(2) + heads - 1) / heads;
  const at::Tensor filled = at::constant_pad_nd(x, {0, dim * heads - x.size(2)});
  const at::Tensor parts = filled.reshape({x.size(0), x.size(1), heads, dim}).transpose(1, 2);
  const at::Tensor scores =
      at::matmul(parts, parts.transpose(2, 3)) / std::sqrt(static_cast<double>(dim));
  const at::Tensor excluded = valid.logical_not().unsqueeze(1).unsqueeze(1);
  return scores.masked_fill(excluded, kExcluded).log_softmax(-1);
}

std::string relation_name(RowKind kind, int32_t layer) {
  return fmt::format("{}:{}", enum_name(kind), layer);
}

const at::Tensor& output_of(const EncoderOutput& student, RowKind kind, int32_t layer) {
  const auto& all = kind == RowKind::kQuery ? student.queries
                    : kind == RowKind::kKey ? student.keys
                                            : student.values;
  return all[static_cast<size_t>(layer)];
}

// Mean over heads and valid frames.
at::Tensor divergence(const at::Tensor& teacher, const at::Tensor& log_student,
                      const at::Tensor& valid) {
  const at::Tensor kl = (at::xlogy(teacher, teacher) - teacher * log_student).sum(-1);
  return mean_where(kl.mean(1), valid);
}

}  // namespace

const OptionTable<RelationsSpec>& RelationsObjective::options() {
  using O = RelationsSpec;
  static const OptionTable<O> table = {
      of_pairing<O>(pairing_options()),
      option("query", &O::query, "weight of the relations between queries")
          .within({0, 1e6})
          .require([](const O& o) { return o.query + o.key + o.value > 0; },
                   "expected a weight above 0 for query, key or value"),
      option("key", &O::key, "weight of the relations between keys").within({0, 1e6}),
      option("value", &O::value, "weight of the relations between values").within({0, 1e6}),
      option("heads", &O::heads, "parts of the channels that have a relation each")
          .within({1, 1024}),
  };
  return table;
}

const OptionTable<RelationsSpec>& RelationsObjective::sizes() {
  using O = RelationsSpec;
  static const OptionTable<O> table = {of_pairing<O>(pairing_depths())};
  return table;
}

void RelationsObjective::set_sizes(Spec& spec, const ObjectiveSizes& sizes) {
  set_depths(spec, sizes);
}

std::optional<std::pair<std::string, std::string>> RelationsObjective::problem(
    const Spec& spec, int32_t teacher_depth) {
  return attention_problem(spec, teacher_depth);
}

RelationsObjective::RelationsObjective(const RelationsSpec& spec) : spec_(spec) {
  check_attention_pairing(spec);
}

std::vector<RelationsObjective::Relation> RelationsObjective::relations() const {
  std::vector<Relation> all = {
      {RowKind::kQuery, spec_.query}, {RowKind::kKey, spec_.key}, {RowKind::kValue, spec_.value}};
  std::erase_if(all, [](const Relation& relation) { return relation.weight == 0; });
  return all;
}

Needs RelationsObjective::needs() const {
  Needs needs;
  for (const int32_t layer : paired_teacher_layers(spec_)) {
    for (const Relation& relation : relations())
      needs.rows.push_back({.kind = relation.kind, .layer = layer});
  }
  return needs;
}

WantedOutputs RelationsObjective::student_wants(const Architecture& student) const {
  WantedOutputs wants;
  for (const LayerPair& pair : attention_pairs_of(spec_, student)) {
    if (spec_.query > 0) wants.queries.push_back(pair.student_layer);
    if (spec_.key > 0) wants.keys.push_back(pair.student_layer);
    if (spec_.value > 0) wants.values.push_back(pair.student_layer);
  }
  return wants;
}

TensorMap RelationsObjective::goal(const Rows& rows, const StepData& step) const {
  TensorMap goal;
  for (const Row& row : needs().rows) {
    const at::Tensor& x = rows.at(name_of(row));
    const at::Tensor valid = step.valid.narrow(1, 0, x.size(1));
    goal[relation_name(row.kind, row.layer)] = log_relation(x, valid, spec_.heads).exp();
  }
  return goal;
}

LossBreakdown RelationsObjective::loss(const LossInput& input) const {
  const Frames& frames = input.student.frames;
  LossBreakdown result;
  for (const Relation& relation : relations()) {
    WeightedMean mean;
    for (const LayerPair& pair : attention_pairs_of(spec_, input.architecture)) {
      const at::Tensor& output = output_of(input.student, relation.kind, pair.student_layer);
      if (!output.defined()) continue;  // the layer reuses another one's attention map
      const std::string name = relation_name(relation.kind, pair.teacher_layer);
      const at::Tensor& teacher = input.goal.at(name);
      const at::Tensor x = at_base_frames(frames, output).narrow(1, 0, teacher.size(2));
      const at::Tensor valid = base_valid(frames).narrow(1, 0, teacher.size(2));
      const at::Tensor own = log_relation(x, valid, spec_.heads);
      mean.add(divergence(teacher, own, valid), pair.weight);
      result.goal[name] = own.detach().exp();
    }
    const at::Tensor value = mean.empty() ? no_loss(input.student) : mean.value();
    const at::Tensor part = value * relation.weight;
    result.total = result.total.defined() ? result.total + part : part;
    result.terms.emplace_back(enum_name(relation.kind), value.detach());
  }
  return result;
}

std::string RelationsObjective::to_json() const { return saved_json<RelationsObjective>(spec_); }

}  // namespace concertina
