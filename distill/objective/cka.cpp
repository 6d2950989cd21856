#include "distill/objective/cka.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "distill/objective/channel_norm.h"
#include "distill/objective/kind_of.h"
#include "distill/objective/pooling.h"
#include "distill/objective/regression.h"

namespace concertina {
namespace {

constexpr double kEps = 1e-8;

std::string key(const char* what, int32_t layer) { return fmt::format("{}:{}", what, layer); }
std::string memory_head(size_t pair) { return fmt::format("objective.memory.{}", pair); }

// [.., n, n] of Frobenius norm 1.
at::Tensor unit(const at::Tensor& gram) {
  const at::Tensor squares = gram.square().sum(at::IntArrayRef{-2, -1}, true);
  return gram / (squares + kEps * kEps).sqrt();
}

// x [.., n, D] with rows counted where valid [.., n] -> [.., n, n] of norm 1
at::Tensor centred_gram(const at::Tensor& x, const at::Tensor& valid) {
  const at::Tensor where = valid.unsqueeze(-1);
  const at::Tensor count = where.sum(-2, true).clamp_min(1).to(at::kFloat);
  const at::Tensor kept = at::where(where, x, 0.0);
  const at::Tensor centred = at::where(where, kept - kept.sum(-2, true) / count, 0.0);
  return unit(at::matmul(centred, centred.transpose(-2, -1)));
}

at::Tensor centred_gram(const at::Tensor& x) {
  return centred_gram(x, at::ones(x.sizes().slice(0, x.dim() - 1), x.options().dtype(at::kBool)));
}

// Of Gram matrices of norm 1, and of blends of such.
at::Tensor cka_loss(const at::Tensor& student, const at::Tensor& teacher) {
  const at::Tensor cka = (student * unit(teacher)).sum(at::IntArrayRef{-2, -1});
  return -(cka.abs().mean() + kEps).log();
}

// x [B, D], memory [K, D] -> [B, K]
at::Tensor distances_to(const at::Tensor& memory, const at::Tensor& x) {
  const at::Tensor difference = x.unsqueeze(1) - memory.unsqueeze(0);
  return (difference.square().mean(-1) + kEps).sqrt();
}
at::Tensor cosines_to(const at::Tensor& memory, const at::Tensor& x) {
  return at::cosine_similarity(x.unsqueeze(1), memory.unsqueeze(0), -1);
}

// valid [B, T], of clips that begin at frame 0 -> [B, min(T, at_most)] int64: every k-th frame of each clip,
// k by its own length; -1 after the last.
at::Tensor every_kth(const at::Tensor& valid, int64_t at_most) {
  const at::Tensor length = valid.sum(1, true);
  const at::Tensor step = (length + (at_most - 1)).div(at_most, "floor").clamp_min(1);
  const int64_t most = std::min(valid.size(1), at_most);
  const at::Tensor frames = at::arange(most, length.options()) * step;
  return at::where(frames < length, frames, -1);
}

// x [B, T, D], valid [B, T], frames of every_kth() -> [B, n, n] of norm 1
at::Tensor gram_of_frames(const at::Tensor& x, const at::Tensor& valid, const at::Tensor& frames) {
  const at::Tensor index = frames.clamp_min(0);
  const at::Tensor chosen = x.gather(1, index.unsqueeze(2).expand({-1, -1, x.size(2)}));
  return centred_gram(chosen, valid.gather(1, index).logical_and(frames.ge(0)));
}

}  // namespace

const OptionTable<CkaSpec>& CkaObjective::options() {
  using O = CkaSpec;
  static const OptionTable<O> table = {
      of_pairing<O>(pairing_options()),
      option("intra", &O::intra, "weight of the CKA of the frames of a clip")
          .within({0, 1e6})
          .require([](const O& o) { return o.intra + o.local + o.global > 0; },
                   "expected a weight above 0 for intra, local or global"),
      option("local", &O::local, "weight of the CKA of the clips of a batch").within({0, 1e6}),
      option("global", &O::global, "weight of the distances to memories").within({0, 1e6}),
      option("frames", &O::frames, "of a clip that are compared, at most").within({2, 100000}),
      option("memory", &O::memory, "vectors in a memory").within({2, 100000}),
      option("distances", &O::distances, "share of distances in global; the rest is of cosines")
          .within({0, 1}),
  };
  return table;
}

const OptionTable<CkaSpec>& CkaObjective::sizes() { return pairing_sizes<CkaSpec>(); }

void CkaObjective::set_sizes(Spec& spec, const ObjectiveSizes& sizes) {
  set_pairing_sizes(spec, sizes);
}

std::optional<std::pair<std::string, std::string>> CkaObjective::problem(const Spec& spec,
                                                                         int32_t teacher_depth) {
  return pairing_problem(spec, teacher_depth);
}

CkaObjective::CkaObjective(const CkaSpec& spec) : spec_(spec) { check_pairing(spec); }

Needs CkaObjective::needs() const {
  Needs needs;
  for (const int32_t layer : paired_teacher_layers(spec_))
    needs.rows.push_back({.kind = RowKind::kHidden, .layer = layer});
  return needs;
}

WantedOutputs CkaObjective::student_wants(const Architecture& student) const {
  WantedOutputs wants;
  for (const LayerPair& pair : pairs_of(spec_, student)) wants.hidden.push_back(pair.student_layer);
  return wants;
}

std::vector<Parameters::Init> CkaObjective::parameters(const Rng& rng) const {
  std::vector<Parameters::Init> values;
  if (spec_.global == 0) return values;
  for (size_t i = 0; i < pair_count(spec_); ++i) {
    const std::string name = memory_head(i);
    at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(rng.fork(name).next_u64());
    const at::Tensor value = at::empty({spec_.memory, spec_.student_dim}).normal_(0, 1, generator);
    values.push_back({name, value, false});
  }
  return values;
}

std::vector<TensorSlice> CkaObjective::slices(const Architecture& student) const {
  std::vector<TensorSlice> slices;
  if (spec_.global == 0) return slices;
  for (const LayerPair& pair : pairs_of(spec_, student)) {
    slices.push_back(
        {.name = memory_head(pair.head), .dims = {{spec_.memory, {}}, {student.embed_dim(), {}}}});
  }
  return slices;
}

TensorMap CkaObjective::goal(const Rows& rows, const StepData& step) const {
  TensorMap goal;
  for (const int32_t layer : paired_teacher_layers(spec_)) {
    const at::Tensor& row = rows.at(hidden_name(layer));
    const at::Tensor valid = step.valid.narrow(1, 0, row.size(1));
    const at::Tensor frames = every_kth(valid, spec_.frames);
    const at::Tensor pooled = pooled_over(row, valid);
    goal["frames"] = frames;
    if (spec_.intra > 0) goal[key("intra", layer)] = gram_of_frames(row, valid, frames);
    if (spec_.local > 0) goal[key("local", layer)] = centred_gram(pooled);
    if (spec_.global > 0) {
      const at::Tensor& memory = step.state.at(key("memory", layer));
      goal[key("distances", layer)] = distances_to(memory, pooled);
      goal[key("cosines", layer)] = cosines_to(memory, pooled);
    }
  }
  return goal;
}

LossBreakdown CkaObjective::loss(const LossInput& input) const {
  const Frames& frames = input.student.frames;
  const at::Tensor valid = base_valid(frames);
  const at::Tensor& index = input.goal.at("frames");
  LossBreakdown result;
  WeightedMean intra, local, global;
  // Of the student's Gram matrix and the teacher's.
  const auto compare = [&](WeightedMean& mean, const std::string& name, const at::Tensor& own,
                           double weight) {
    mean.add(cka_loss(own, input.goal.at(name)), weight);
    result.goal[name] = own.detach();
  };
  for (const LayerPair& pair : pairs_of(spec_, input.architecture)) {
    const int32_t layer = pair.teacher_layer;
    const at::Tensor x =
        at_base_frames(frames, input.student.hidden[static_cast<size_t>(pair.student_layer)]);
    const at::Tensor pooled = pooled_over(x, valid);
    if (spec_.intra > 0)
      compare(intra, key("intra", layer), gram_of_frames(x, valid, index), pair.weight);
    // A clip alone has no Gram matrix.
    if (spec_.local > 0 && x.size(0) > 1)
      compare(local, key("local", layer), centred_gram(pooled), pair.weight);
    if (spec_.global == 0) continue;
    const at::Tensor& memory = input.heads.at(memory_head(pair.head));
    const at::Tensor distances = distances_to(memory, pooled), cosines = cosines_to(memory, pooled);
    const at::Tensor far = distances - input.goal.at(key("distances", layer));
    const at::Tensor turned = cosines - input.goal.at(key("cosines", layer));
    const at::Tensor same =
        cka_loss(centred_gram(memory), centred_gram(input.step.state.at(key("memory", layer))));
    global.add(far.square().mean() * spec_.distances +
                   turned.square().mean() * (1 - spec_.distances) + same,
               pair.weight);
    result.goal[key("distances", layer)] = distances.detach();
    result.goal[key("cosines", layer)] = cosines.detach();
  }
  result.total = no_loss(input.student);
  const auto add = [&](const char* name, const WeightedMean& mean, double weight) {
    if (weight == 0) return;
    const at::Tensor value = mean.empty() ? no_loss(input.student) : mean.value();
    result.total = result.total + value * weight;
    result.terms.emplace_back(name, value.detach());
  };
  add("intra", intra, spec_.intra);
  add("local", local, spec_.local);
  add("global", global, spec_.global);
  return result;
}

TensorMap CkaObjective::initial_state(const RowSampler& sample, const Rng& rng) const {
  TensorMap state;
  if (spec_.global == 0) return state;
  std::map<int32_t, std::vector<at::Tensor>> clips;
  for (int64_t i = 0; i < kStatisticsBatches; ++i) {
    const RowBatch batch = sample(i);
    for (const int32_t layer : paired_teacher_layers(spec_))
      clips[layer].push_back(pooled_over(batch.rows.at(hidden_name(layer)), batch.valid));
  }
  for (const auto& [layer, vectors] : clips) {
    const std::string name = key("memory", layer);
    state[name] = fitted_memory(at::cat(vectors), spec_.memory, rng.fork(name));
  }
  return state;
}

std::string CkaObjective::to_json() const { return saved_json<CkaObjective>(spec_); }

}  // namespace concertina
