#include "distill/objective/distances_and_angles.h"

#include <fmt/format.h>

#include "distill/objective/kind_of.h"
#include "distill/objective/pooling.h"
#include "distill/objective/regression.h"

namespace concertina {
namespace {

// Of the squared lengths of two frames: what a squared distance below it is, rounding, has no direction.
constexpr double kRounding = 1e-5;

std::string distances_name(int32_t layer) { return fmt::format("distances:{}", layer); }
std::string angles_name(int32_t layer) { return fmt::format("angles:{}", layer); }

// x [B, T, D] less the mean of the clip, which distances do not see but rounding does.
at::Tensor without_mean(const at::Tensor& x, const at::Tensor& valid) {
  return x - pooled_over(x, valid).detach().unsqueeze(1);
}

// The root of squared distances, 0 without a gradient where they are rounding beside `lengths`.
at::Tensor distance_of(const at::Tensor& squares, const at::Tensor& lengths) {
  const at::Tensor apart = squares > lengths * kRounding;
  return at::where(apart, at::where(apart, squares, 1.0).sqrt(), 0.0);
}

// Of the frames of each clip, all [B, T, T].
struct Geometry {
  at::Tensor products, distances;
};

Geometry geometry_of(const at::Tensor& x) {
  const at::Tensor products = at::matmul(x, x.transpose(1, 2));
  const at::Tensor squares = products.diagonal(0, 1, 2);
  const at::Tensor lengths = squares.unsqueeze(2) + squares.unsqueeze(1);
  return {products, distance_of(lengths - products * 2, lengths)};
}

// valid [B, T] -> [B, T, T]: pairs of two valid frames of one clip.
at::Tensor pairs_of_two(const at::Tensor& valid) {
  const at::Tensor same = at::eye(valid.size(1), valid.options());
  return valid_pairs(valid).logical_and(same.logical_not());
}

// [B, ..] -> [B] over `where` of the same shape; 0 where that is nowhere.
at::Tensor clip_means(const at::Tensor& values, const at::Tensor& where) {
  const at::Tensor count = where.flatten(1).sum(1).clamp_min(1);
  return at::where(where, values, 0.0).flatten(1).sum(1) / count;
}

// Distances over their mean in each clip.
at::Tensor of_mean_one(const at::Tensor& distances, const at::Tensor& pairs) {
  return distances / clip_means(distances, pairs).clamp_min(1e-8).view({-1, 1, 1});
}

// Indices of the frames t - a [T, K, 1], t [T, 1, 1] and t + b [T, 1, K]; where these are not `inside`
// [T, K, K], some other frame.
struct Triplets {
  at::Tensor before, middle, after, inside;
};

Triplets triplets_of(const at::Tensor& valid, const std::vector<int32_t>& offsets) {
  const int64_t length = valid.size(1);
  const at::Tensor time = at::arange(length, valid.options().dtype(at::kLong));
  std::vector<at::Tensor> before, after;
  for (const int32_t offset : offsets) {
    before.push_back(time - offset);
    after.push_back(time + offset);
  }
  const at::Tensor first = at::stack(before, 1).unsqueeze(2);
  const at::Tensor last = at::stack(after, 1).unsqueeze(1);
  return {first.clamp_min(0), time.view({-1, 1, 1}), last.clamp_max(length - 1),
          first.ge(0).logical_and(last.lt(length))};
}

// matrix [B, T, T] -> [B, ..] with the sizes of rows + columns.
at::Tensor entries(const at::Tensor& matrix, const at::Tensor& rows, const at::Tensor& columns) {
  const at::Tensor index = rows * matrix.size(2) + columns;
  return matrix.flatten(1).index_select(1, index.flatten()).unflatten(1, index.sizes());
}

// [B, T, K, K]: (x_s - x_t) (x_u - x_t)' / (|x_s - x_t| |x_u - x_t|) of triplets s, t, u.
at::Tensor cosines_of(const Geometry& geometry, const Triplets& triplets) {
  const auto& [products, distances] = geometry;
  const at::Tensor product = entries(products, triplets.before, triplets.after) -
                             entries(products, triplets.before, triplets.middle) -
                             entries(products, triplets.middle, triplets.after) +
                             entries(products, triplets.middle, triplets.middle);
  const at::Tensor lengths = entries(distances, triplets.before, triplets.middle) *
                             entries(distances, triplets.middle, triplets.after);
  const at::Tensor apart = lengths > 0;
  return at::where(apart, product / at::where(apart, lengths, 1.0), 0.0);
}

// valid [B, T] -> [B, T, K, K]: three valid frames.
at::Tensor all_valid(const at::Tensor& valid, const Triplets& triplets) {
  const at::Tensor pairs = valid_pairs(valid);
  return entries(pairs, triplets.before, triplets.after)
      .logical_and(entries(pairs, triplets.middle, triplets.middle))
      .logical_and(triplets.inside);
}

// Of clips by valid frames.
at::Tensor huber(const at::Tensor& student, const at::Tensor& teacher, const at::Tensor& where,
                 const at::Tensor& valid) {
  const at::Tensor each =
      clip_means(at::huber_loss(student, teacher, at::Reduction::None, 1.0), where);
  const at::Tensor frames = valid.sum(1).to(at::kFloat);
  return (each * frames).sum() / frames.sum().clamp_min(1);
}

}  // namespace

const OptionTable<DistancesAndAnglesSpec>& DistancesAndAnglesObjective::options() {
  using O = DistancesAndAnglesSpec;
  static const OptionTable<O> table = {
      of_pairing<O>(pairing_options()),
      option("distances", &O::distances, "weight of the distances between the frames of a clip")
          .within({0, 1e6})
          .require([](const O& o) { return o.distances + o.angles > 0; },
                   "expected a weight above 0 here or for angles"),
      option("angles", &O::angles, "weight of the angles at frames").within({0, 1e6}),
      option("offsets", &O::offsets,
             "frames of 20 ms before and after a frame whose angles there are compared")
          .within({1, 100000})
          .require([](const O& o) { return !o.offsets.empty(); }, "expected at least one"),
  };
  return table;
}

const OptionTable<DistancesAndAnglesSpec>& DistancesAndAnglesObjective::sizes() {
  using O = DistancesAndAnglesSpec;
  static const OptionTable<O> table = {of_pairing<O>(pairing_depths())};
  return table;
}

void DistancesAndAnglesObjective::set_sizes(Spec& spec, const ObjectiveSizes& sizes) {
  set_depths(spec, sizes);
}

std::optional<std::pair<std::string, std::string>> DistancesAndAnglesObjective::problem(
    const Spec& spec, int32_t teacher_depth) {
  return pairing_problem(spec, teacher_depth);
}

DistancesAndAnglesObjective::DistancesAndAnglesObjective(const DistancesAndAnglesSpec& spec)
    : spec_(spec) {
  check_pairing(spec);
}

Needs DistancesAndAnglesObjective::needs() const {
  Needs needs;
  for (const int32_t layer : paired_teacher_layers(spec_))
    needs.rows.push_back({.kind = RowKind::kHidden, .layer = layer});
  return needs;
}

WantedOutputs DistancesAndAnglesObjective::student_wants(const Architecture& student) const {
  WantedOutputs wants;
  for (const LayerPair& pair : pairs_of(spec_, student)) wants.hidden.push_back(pair.student_layer);
  return wants;
}

TensorMap DistancesAndAnglesObjective::goal(const Rows& rows, const StepData& step) const {
  TensorMap goal;
  for (const int32_t layer : paired_teacher_layers(spec_)) {
    const at::Tensor& row = rows.at(hidden_name(layer));
    const at::Tensor valid = step.valid.narrow(1, 0, row.size(1));
    const Geometry geometry = geometry_of(without_mean(row, valid));
    if (spec_.distances > 0)
      goal[distances_name(layer)] = of_mean_one(geometry.distances, pairs_of_two(valid));
    if (spec_.angles > 0)
      goal[angles_name(layer)] = cosines_of(geometry, triplets_of(valid, spec_.offsets));
  }
  return goal;
}

LossBreakdown DistancesAndAnglesObjective::loss(const LossInput& input) const {
  const Frames& frames = input.student.frames;
  const int64_t length = input.goal.begin()->second.size(1);
  const at::Tensor valid = base_valid(frames).narrow(1, 0, length);
  const at::Tensor pairs = pairs_of_two(valid);
  const Triplets triplets = triplets_of(valid, spec_.offsets);
  LossBreakdown result;
  WeightedMean distances, angles;
  for (const LayerPair& pair : pairs_of(spec_, input.architecture)) {
    const at::Tensor& hidden = input.student.hidden[static_cast<size_t>(pair.student_layer)];
    const at::Tensor x = at_base_frames(frames, hidden).narrow(1, 0, length);
    const Geometry geometry = geometry_of(without_mean(x, valid));
    if (spec_.distances > 0) {
      const std::string name = distances_name(pair.teacher_layer);
      const at::Tensor own = of_mean_one(geometry.distances, pairs);
      // The goal's mean is over all valid frames, the loss may be over the masked ones alone.
      const at::Tensor teacher = of_mean_one(input.goal.at(name), pairs);
      distances.add(huber(own, teacher, pairs, valid), pair.weight);
      result.goal[name] = own.detach();
    }
    if (spec_.angles > 0) {
      const std::string name = angles_name(pair.teacher_layer);
      const at::Tensor own = cosines_of(geometry, triplets);
      angles.add(huber(own, input.goal.at(name), all_valid(valid, triplets), valid), pair.weight);
      result.goal[name] = own.detach();
    }
  }
  result.total = no_loss(input.student);
  const auto add = [&](const char* name, const WeightedMean& mean, double weight) {
    if (weight == 0) return;
    result.total = result.total + mean.value() * weight;
    result.terms.emplace_back(name, mean.value().detach());
  };
  add("distances", distances, spec_.distances);
  add("angles", angles, spec_.angles);
  return result;
}

std::string DistancesAndAnglesObjective::to_json() const {
  return saved_json<DistancesAndAnglesObjective>(spec_);
}

}  // namespace concertina
