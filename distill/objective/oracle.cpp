#include "distill/objective/oracle.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/errors.h"
#include "distill/objective/heads.h"
#include "distill/objective/kind_of.h"
#include "distill/objective/layer_pairing.h"

namespace concertina {
namespace {

const std::string kStudentHead = "objective.head";
const std::string kSource = "objective.oracle.source", kQuery = "objective.oracle.query";
const std::string kKey = "objective.oracle.key", kValue = "objective.oracle.value";
const std::string kOutput = "objective.oracle.output", kEmbeddings = "objective.oracle.labels";

struct LinearLayer {
  std::string name;
  int64_t out = 0, in = 0;
};

std::vector<LinearLayer> oracle_layers(const OracleSpec& spec) {
  const int64_t dim = spec.dim;
  return {{kSource, dim, spec.teacher_dim},
          {kQuery, dim, dim},
          {kKey, dim, dim},
          {kValue, dim, dim},
          {kOutput, spec.units, dim}};
}

// [B, columns] fp64 in [0, 1): the same for a row of the training audio however it is batched. Integers below
// 2^31 are squared modulo a prime, which is exact on every device.
at::Tensor draws_of_rows(const at::Tensor& first, int64_t columns, Rng rng) {
  constexpr int64_t kPrime = 2147483647;
  const auto below_prime = [&] { return rng.below(kPrime); };
  const at::Tensor column = at::arange(1, columns + 1, first.options()) * below_prime();
  at::Tensor x = first.remainder(kPrime).unsqueeze(1) * below_prime();
  x = (x.remainder(kPrime) + column.remainder(kPrime).unsqueeze(0)).remainder(kPrime);
  for (int round = 0; round < 4; ++round) x = (x * x + below_prime()).remainder(kPrime);
  return x.to(at::kDouble) / static_cast<double>(kPrime);
}

at::Tensor unit_entropy(const at::Tensor& logits, const at::Tensor& units) {
  return at::cross_entropy_loss(logits.flatten(0, 1), units.flatten(), {}, at::Reduction::None)
      .view_as(units);
}

at::Tensor divergence(const at::Tensor& oracle, const at::Tensor& student, double temperature) {
  const at::Tensor p = (oracle / temperature).softmax(-1);
  const at::Tensor q = (student / temperature).log_softmax(-1);
  return (at::xlogy(p, p) - p * q).sum(-1) * (temperature * temperature);
}

}  // namespace

const OptionTable<OracleSpec>& OracleObjective::options() {
  using O = OracleSpec;
  static const OptionTable<O> table = {
      option("teacher_layer", &O::teacher_layer,
             "whose hidden states the oracle hears; 0: the last")
          .within({0, 1000}),
      option("dim", &O::dim, "of the oracle's attention").within({1, 1e5}),
      option(
          "label_dropout", &O::label_dropout,
          "share of a clip's labels that the oracle does not see in training; as many clips have "
          "none")
          .within({0, 0.9}),
      option("unit_weight", &O::unit_weight, "of the student's cross-entropy to the units")
          .within({0, 1e6}),
      option("oracle_weight", &O::oracle_weight,
             "of the student's divergence from the oracle's probabilities")
          .within({0, 1e6}),
      option("temperature", &O::temperature, "of these probabilities").within({1e-3, 1e3}),
  };
  return table;
}

const OptionTable<OracleSpec>& OracleObjective::sizes() {
  using O = OracleSpec;
  static const OptionTable<O> table = {
      option("units", &O::units, "").within({1, 1e6}),
      option("teacher_depth", &O::teacher_depth, "").within({0, 1e6}),
      option("teacher_dim", &O::teacher_dim, "").within({0, 1e6}),
      option("student_dim", &O::student_dim, "").within({0, 1e6}),
  };
  return table;
}

void OracleObjective::set_sizes(Spec& spec, const ObjectiveSizes& sizes) {
  spec.units = sizes.units;
  spec.teacher_depth = sizes.teachers.front().depth;
  spec.teacher_dim = sizes.teachers.front().dim;
  spec.student_dim = sizes.student_dim;
}

std::optional<std::pair<std::string, std::string>> OracleObjective::problem(const Spec& spec,
                                                                            int32_t teacher_depth) {
  if (const auto found = missing_layer({spec.teacher_layer}, teacher_depth))
    return std::pair<std::string, std::string>("teacher_layer", found->second);
  return std::nullopt;
}

OracleObjective::OracleObjective(const OracleSpec& spec) : spec_(spec) {
  if (const auto found = problem(spec, spec.teacher_depth))
    throw InputError(fmt::format("objective.{}: {}", found->first, found->second));
}

Row OracleObjective::row() const {
  const int32_t layer = spec_.teacher_layer > 0 ? spec_.teacher_layer : spec_.teacher_depth;
  return {.kind = RowKind::kHidden, .layer = layer};
}

Needs OracleObjective::needs() const { return {.rows = {row()}, .units = true}; }

WantedOutputs OracleObjective::student_wants(const Architecture&) const { return {}; }

std::vector<Parameters::Init> OracleObjective::parameters(const Rng& rng) const {
  auto values = head_parameters(kStudentHead, spec_.units, spec_.student_dim, rng);
  for (const LinearLayer& layer : oracle_layers(spec_)) {
    const auto own = head_parameters(layer.name, layer.out, layer.in, rng);
    values.insert(values.end(), own.begin(), own.end());
  }
  at::Generator generator =
      at::make_generator<at::CPUGeneratorImpl>(rng.fork(kEmbeddings).next_u64());
  const at::Tensor embeddings = at::empty({spec_.units + 1, spec_.dim}).normal_(0, 1, generator);
  values.push_back({kEmbeddings, embeddings, /*decay=*/true});
  return values;
}

std::vector<TensorSlice> OracleObjective::slices(const Architecture& student) const {
  auto slices = head_slices(kStudentHead, spec_.units, student.embed_dim());
  for (const LinearLayer& layer : oracle_layers(spec_)) {
    const auto own = head_slices(layer.name, layer.out, layer.in);
    slices.insert(slices.end(), own.begin(), own.end());
  }
  TensorSlice embeddings{.name = kEmbeddings, .dims = {{spec_.units + 1, {}}, {spec_.dim, {}}}};
  embeddings.decay = true;
  slices.push_back(std::move(embeddings));
  return slices;
}

at::Tensor OracleObjective::labels_of(const at::Tensor& units, const at::Tensor& valid) const {
  if (!units.defined())
    return at::zeros({valid.size(0), spec_.units}, valid.options().dtype(at::kBool));
  const int64_t length = std::min(units.size(1), valid.size(1));
  const at::Tensor places = at::one_hot(units.narrow(1, 0, length), spec_.units).to(at::kBool);
  return places.logical_and(valid.narrow(1, 0, length).unsqueeze(2)).any(1);
}

TensorMap OracleObjective::goal(const Rows& rows, const StepData& step) const {
  CONCERTINA_ASSERT(step.units.defined() && step.valid.defined());
  const std::string name = name_of(row());
  const at::Tensor labels = labels_of(step.units, step.valid);
  TensorMap goal = {{name, rows.at(name)}, {"labels", labels}, {"seen", labels}};
  if (!step.first.defined() || spec_.label_dropout == 0) return goal;
  const at::Tensor draws = draws_of_rows(step.first, spec_.units + 1, step.rng.fork("labels"));
  const at::Tensor kept = draws.ge(spec_.label_dropout);  // the last column is the clip's
  goal["seen"] =
      labels.logical_and(kept.slice(1, 0, spec_.units)).logical_and(kept.slice(1, spec_.units));
  return goal;
}

at::Tensor OracleObjective::oracle_logits(const TensorMap& heads, const at::Tensor& x,
                                          const at::Tensor& labels) const {
  const at::Tensor& embeddings = heads.at(kEmbeddings);  // the last: no label
  const at::Tensor h = apply_head(heads, kSource, x);
  const at::Tensor query = apply_head(heads, kQuery, h), key = apply_head(heads, kKey, embeddings);
  const at::Tensor always = at::ones_like(labels.slice(1, 0, 1));
  const at::Tensor absent = at::cat({labels, always}, 1).logical_not().unsqueeze(1);
  const at::Tensor scores = at::matmul(query, key.t()) / std::sqrt(static_cast<double>(spec_.dim));
  const at::Tensor attention = scores.masked_fill(absent, -1e9).softmax(-1);
  const at::Tensor context = at::matmul(attention, apply_head(heads, kValue, embeddings));
  return apply_head(heads, kOutput, at::gelu(h + context));
}

LossBreakdown OracleObjective::loss(const LossInput& input) const {
  const Frames& frames = input.student.frames;
  const at::Tensor& row_x = input.goal.at(name_of(row()));
  const at::Tensor projected = apply_head(input.heads, kStudentHead, valid_only(frames, frames.x));
  const at::Tensor all = to_base_frames(frames, projected);
  const int64_t length = std::min({all.size(1), row_x.size(1), input.step.units.size(1)});
  const auto cut = [&](const at::Tensor& x) { return x.narrow(1, 0, length); };
  const at::Tensor own = cut(all), x = cut(row_x), units = cut(input.step.units);
  const at::Tensor valid = cut(base_valid(frames));
  const auto oracle = [&](const at::Tensor& labels) {
    return oracle_logits(input.heads, x, labels);
  };
  const at::Tensor& labels = input.goal.at("labels");
  const at::Tensor heard = oracle(input.goal.at("seen"));
  const at::Tensor informed = oracle(labels).detach();
  const at::Tensor from_units = mean_where(unit_entropy(own, units), valid);
  const at::Tensor apart = mean_where(divergence(informed, own, spec_.temperature), valid);
  const at::Tensor of_oracle = mean_where(unit_entropy(heard, units), valid);
  LossBreakdown result;
  result.total = from_units * spec_.unit_weight + apart * spec_.oracle_weight + of_oracle;
  const at::Tensor hits = own.detach().argmax(-1).eq(units).to(at::kFloat);
  result.terms = {{"units", from_units.detach()},
                  {"oracle", apart.detach()},
                  {"accuracy", mean_where(hits, valid)}};
  if (input.step.progress) return result;
  const OracleGuard guard = oracle_guard(
      [&](const at::Tensor& given) { return oracle(labels_of(given, cut(input.step.valid))); },
      units, valid, spec_.units);
  for (const auto& [name, value] : {std::pair("guard.right", &guard.right),
                                    {"guard.hidden", &guard.hidden},
                                    {"guard.wrong", &guard.wrong},
                                    {"guard.followed", &guard.followed}})
    result.terms.emplace_back(name, value->detach());
  return result;
}

std::string OracleObjective::to_json() const { return saved_json<OracleObjective>(spec_); }

}  // namespace concertina
