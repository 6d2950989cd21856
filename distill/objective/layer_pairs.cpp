#include "distill/objective/layer_pairs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/errors.h"
#include "distill/objective/heads.h"
#include "distill/objective/kind_of.h"

namespace concertina {
namespace {

constexpr double kEps = 1e-5;  // of the variance

std::string head_name(size_t head) { return fmt::format("objective.pairs.{}", head); }
std::string mean_name(const std::string& row) { return row + "/mean"; }
std::string std_name(const std::string& row) { return row + "/std"; }

// The teacher layer of student layer s of `depth`.
int32_t mapped(LayerMap map, int32_t s, int32_t depth, int32_t teacher_depth) {
  switch (map) {
    case LayerMap::kLast:
      return s + teacher_depth - depth;
    case LayerMap::kUniform:
      return static_cast<int32_t>(std::lround(static_cast<double>(s) * teacher_depth / depth));
    case LayerMap::kGap:
      return s * (teacher_depth / depth);
    case LayerMap::kFirst:
    case LayerMap::kPairs:
      break;
  }
  return s;
}

bool is_whole(double value) { return value == std::floor(value); }

// Why the listed student layers are not valid positions, or "".
std::string position_problem(const LayerPairsSpec& spec) {
  for (const double layer : spec.student_layers) {
    if (spec.position == LayerPosition::kRelative) {
      if (!(layer > 0 && layer <= 1))
        return fmt::format("expected shares of the depth in (0, 1], found {}", layer);
    } else if (!is_whole(layer) || layer < 1) {
      return fmt::format("expected layers 1, 2, .., found {}", layer);
    }
  }
  return "";
}

}  // namespace

const OptionTable<LayerPairsSpec>& LayerPairsObjective::options() {
  using O = LayerPairsSpec;
  static const OptionTable<O> table = {
      option(
          "map", &O::map,
          "which teacher layer a student layer learns from: pairs: as listed; else every student "
          "layer has one, counted from the first or last, spread over the depth, or in equal "
          "steps"),
      option(
          "position", &O::position,
          "how student layers count: by index in the supernet, by rank among the kept layers, or "
          "as a share of the depth")
          .require(
              [](const O& o) {
                return o.position != LayerPosition::kRelative || o.map == LayerMap::kPairs;
              },
              "expected index or rank with a map"),
      option("teacher_layers", &O::teacher_layers, "of map: pairs; 0: the first layer's input")
          .within({0, 1000})
          .require(
              [](const O& o) { return o.map != LayerMap::kPairs || !o.teacher_layers.empty(); },
              "name at least one with map: pairs"),
      option("student_layers", &O::student_layers, "of map: pairs, one for each teacher layer")
          .within({0, 1000})
          .require(
              [](const O& o) {
                return o.map != LayerMap::kPairs ||
                       o.student_layers.size() == o.teacher_layers.size();
              },
              "expected one for each of teacher_layers")
          .check([](const O& o, ConfigSection section) {
            const std::string problem = position_problem(o);
            if (!problem.empty()) section.problem("student_layers", problem);
          }),
      option("weights", &O::weights, "of the pairs: one for all, or one each")
          .within({0, 1e6})
          .require(
              [](const O& o) {
                return o.weights.size() == 1 || o.map != LayerMap::kPairs ||
                       o.weights.size() == o.teacher_layers.size();
              },
              "expected one number, or one for each of teacher_layers")
          .require(
              [](const O& o) {
                return std::ranges::any_of(o.weights, [](double w) { return w > 0; });
              },
              "expected at least one above 0"),
      option("distance", &O::distance, "between prediction and target"),
      option("channels", &O::channels,
             "how the teacher's channels are normalised: over the corpus, over each utterance, or "
             "not at all"),
  };
  return table;
}

const OptionTable<LayerPairsSpec>& LayerPairsObjective::sizes() {
  using O = LayerPairsSpec;
  static const OptionTable<O> table = {
      option("teacher_depth", &O::teacher_depth, "").within({0, 1e6}),
      option("teacher_dim", &O::teacher_dim, "").within({0, 1e6}),
      option("student_depth", &O::student_depth, "").within({0, 1e6}),
      option("student_dim", &O::student_dim, "").within({0, 1e6}),
  };
  return table;
}

void LayerPairsObjective::set_sizes(Spec& spec, const ObjectiveSizes& sizes) {
  spec.teacher_depth = sizes.teachers.front().depth;
  spec.teacher_dim = sizes.teachers.front().dim;
  spec.student_depth = sizes.student_depth;
  spec.student_dim = sizes.student_dim;
}

std::optional<std::pair<std::string, std::string>> LayerPairsObjective::problem(
    const Spec& spec, int32_t teacher_depth) {
  if (spec.map != LayerMap::kPairs) return std::nullopt;
  for (const int32_t layer : spec.teacher_layers) {
    if (layer > teacher_depth) {
      return std::pair<std::string, std::string>(
          "teacher_layers", fmt::format("the teacher has {} layers, not {}", teacher_depth, layer));
    }
  }
  return std::nullopt;
}

LayerPairsObjective::LayerPairsObjective(const LayerPairsSpec& spec) : spec_(spec) {
  if (const auto found = problem(spec, spec.teacher_depth))
    throw InputError(fmt::format("objective.{}: {}", found->first, found->second));
  const std::string wrong = position_problem(spec);
  if (!wrong.empty()) throw InputError("objective.student_layers: " + wrong);
  const bool by_map = spec.map != LayerMap::kPairs;
  const size_t count =
      by_map ? static_cast<size_t>(spec.student_depth) : spec.teacher_layers.size();
  if (count == 0 || (!by_map && spec.student_layers.size() != count)) {
    throw InputError("objective.student_layers: expected one for each of teacher_layers");
  }
  if (spec.weights.size() != 1 && spec.weights.size() != count) {
    throw InputError(fmt::format("objective.weights has {} numbers: expected 1 or {}",
                                 spec.weights.size(), count));
  }
  for (const double layer : spec.student_layers) {
    if (!by_map && layer > spec.student_depth) {
      throw InputError(fmt::format("objective.student_layers: the supernet has {} layers, not {}",
                                   spec.student_depth, layer));
    }
  }
  heads_ = count;
  const int32_t shallowest =
      by_map && spec.position == LayerPosition::kRank ? 1 : spec.student_depth;
  for (int32_t depth = shallowest; depth <= spec.student_depth; ++depth) {
    for (const ListedPair& pair : listed(depth)) teacher_layers_.push_back(pair.teacher_layer);
  }
  std::sort(teacher_layers_.begin(), teacher_layers_.end());
  teacher_layers_.erase(std::unique(teacher_layers_.begin(), teacher_layers_.end()),
                        teacher_layers_.end());
}

std::vector<LayerPairsObjective::ListedPair> LayerPairsObjective::listed(int32_t depth) const {
  const auto weight = [&](size_t i) {
    return spec_.weights.size() == 1 ? spec_.weights.front() : spec_.weights[i];
  };
  std::vector<ListedPair> pairs;
  if (spec_.map == LayerMap::kPairs) {
    for (size_t i = 0; i < spec_.teacher_layers.size(); ++i)
      pairs.push_back({spec_.teacher_layers[i], spec_.student_layers[i], weight(i)});
    return pairs;
  }
  for (int32_t s = 1; s <= depth; ++s) {
    const int32_t layer = mapped(spec_.map, s, depth, spec_.teacher_depth);
    const bool there = layer >= 1 && layer <= spec_.teacher_depth;
    pairs.push_back({std::clamp(layer, 1, spec_.teacher_depth), static_cast<double>(s),
                     there ? weight(static_cast<size_t>(s) - 1) : 0});
  }
  return pairs;
}

std::vector<LayerPair> LayerPairsObjective::pairs_of(const Architecture& student) const {
  const bool by_map = spec_.map != LayerMap::kPairs;
  const int32_t kept = student.depth();
  const int32_t depth =
      by_map && spec_.position == LayerPosition::kRank ? kept : spec_.student_depth;
  // The kept layer at a position, 0: not kept.
  const auto kept_layer = [&](double position) -> int32_t {
    if (spec_.position == LayerPosition::kRelative)
      return std::clamp(static_cast<int32_t>(std::ceil(position * kept - 1e-9)), 1, kept);
    const auto number = static_cast<int32_t>(position);
    if (spec_.position == LayerPosition::kRank) return number <= kept ? number : 0;
    for (int32_t i = 0; i < kept; ++i) {
      if (student.layers()[static_cast<size_t>(i)].index + 1 == number) return i + 1;
    }
    return 0;
  };
  const std::vector<ListedPair> all = listed(depth);
  std::vector<LayerPair> pairs;
  for (size_t i = 0; i < all.size(); ++i) {
    const int32_t layer = kept_layer(all[i].student_layer);
    if (layer > 0 && all[i].weight > 0)
      pairs.push_back({all[i].teacher_layer, layer, i, all[i].weight});
  }
  if (pairs.empty()) pairs.push_back({all.back().teacher_layer, kept, all.size() - 1, 1});
  return pairs;
}

Row LayerPairsObjective::row_of(int32_t teacher_layer) const {
  return {.kind = RowKind::kHidden,
          .layer = teacher_layer,
          .instance_norm = spec_.channels == ChannelNorm::kInstance};
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
    const auto head = head_parameters(head_name(i), spec_.teacher_dim, spec_.student_dim, rng);
    values.insert(values.end(), head.begin(), head.end());
  }
  return values;
}

std::vector<TensorSlice> LayerPairsObjective::slices(const Architecture& student) const {
  std::vector<TensorSlice> result;
  for (const LayerPair& pair : pairs_of(student)) {
    const auto head = head_slices(head_name(pair.head), spec_.teacher_dim, student.embed_dim());
    result.insert(result.end(), head.begin(), head.end());
  }
  return result;
}

TensorMap LayerPairsObjective::goal(const Rows& rows, const StepData& step) const {
  TensorMap goal;
  for (const int32_t layer : teacher_layers_) {
    const std::string row = name_of(row_of(layer));
    goal[row] = spec_.channels == ChannelNorm::kStandard
                    ? (rows.at(row) - step.state.at(mean_name(row))) / step.state.at(std_name(row))
                    : rows.at(row);
  }
  return goal;
}

LossBreakdown LayerPairsObjective::loss(const LossInput& input) const {
  const Frames& frames = input.student.frames;
  const at::Tensor valid = base_valid(frames);
  const TensorMap& state = input.step.state;
  LossBreakdown result;
  double weights = 0;
  for (const LayerPair& pair : pairs_of(input.architecture)) {
    const std::string row = name_of(row_of(pair.teacher_layer));
    const at::Tensor& hidden = input.student.hidden[static_cast<size_t>(pair.student_layer)];
    const at::Tensor& target = input.goal.at(row);
    const at::Tensor prediction =
        to_base_frames(frames, apply_head(input.heads, head_name(pair.head), hidden));
    const int64_t length = std::min(prediction.size(1), target.size(1));
    const at::Tensor distance = frame_distance(spec_.distance, prediction.narrow(1, 0, length),
                                               target.narrow(1, 0, length));
    const at::Tensor part = mean_where(distance, valid.narrow(1, 0, length)) * pair.weight;
    result.total = result.total.defined() ? result.total + part : part;
    weights += pair.weight;
    at::Tensor own = prediction.detach();
    if (spec_.channels == ChannelNorm::kStandard)
      own = own * state.at(std_name(row)) + state.at(mean_name(row));
    result.rows[row] = own;
  }
  result.total = result.total / weights;
  result.terms = {{std::string(enum_name(spec_.distance)), result.total.detach()}};
  return result;
}

TensorMap LayerPairsObjective::initial_state(const RowSampler& sample, const Rng&) const {
  TensorMap state;
  if (spec_.channels != ChannelNorm::kStandard) return state;
  std::map<std::string, std::pair<at::Tensor, at::Tensor>> sums;  // of x, of x^2
  at::Tensor count;
  for (int64_t i = 0; i < kStatisticsBatches; ++i) {
    const RowBatch batch = sample(i);
    for (const int32_t layer : teacher_layers_) {
      const std::string row = name_of(row_of(layer));
      const at::Tensor x = batch.rows.at(row).to(at::kDouble);
      const int64_t length = std::min(x.size(1), batch.valid.size(1));
      const at::Tensor seen = batch.valid.narrow(1, 0, length).unsqueeze(2).to(at::kDouble);
      // NaN in an invalid frame must not count.
      const at::Tensor kept = at::where(seen > 0, x.narrow(1, 0, length), 0.0);
      auto& [sum, squares] = sums[row];
      const at::Tensor added = kept.sum(at::IntArrayRef{0, 1});
      const at::Tensor added_squares = kept.square().sum(at::IntArrayRef{0, 1});
      sum = sum.defined() ? sum + added : added;
      squares = squares.defined() ? squares + added_squares : added_squares;
    }
    const at::Tensor frames = batch.valid.sum().to(at::kDouble);
    count = count.defined() ? count + frames : frames;
  }
  for (const auto& [row, both] : sums) {
    const at::Tensor mean = both.first / count;
    const at::Tensor variance = (both.second / count - mean.square()).clamp_min(0);
    state[mean_name(row)] = mean.to(at::kFloat);
    state[std_name(row)] = (variance + kEps).sqrt().to(at::kFloat);
  }
  return state;
}

std::string LayerPairsObjective::to_json() const { return saved_json<LayerPairsObjective>(spec_); }

}  // namespace concertina
