// Losses and gradients against tests/parity/golden/objectives.py, which computes them from the formulas.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "distill/objective/distance.h"
#include "distill/objective/objective_kinds.h"
#include "distill/objective/pooling.h"
#include "tests/model/closed_form.h"

namespace concertina {
namespace {

using Json = nlohmann::json;

constexpr int64_t kBatch = 3, kFrames = 12, kStudentDim = 6, kTeacherDim = 8, kClusters = 5;
constexpr int64_t kStudentHeads = 2, kTeacherHeads = 3, kHeadDim = 2;
constexpr int32_t kDepth = 3;
const std::vector<int64_t> kLengths = {12, 7, 5};

at::Tensor value(const std::string& name, at::IntArrayRef shape) {
  return at::tensor(testing::uniform(name, c10::multiply_integers(shape)), at::kDouble).view(shape);
}

at::Tensor valid() {
  return at::arange(kFrames).unsqueeze(0) < at::tensor(kLengths, at::kLong).unsqueeze(1);
}

// Layers that give outputs of a kind, first to depth.
std::vector<at::Tensor> outputs(const std::string& kind, int64_t period, int64_t dim,
                                int32_t first) {
  const int64_t frames = period == 20 ? kFrames : period == 40 ? 6 : 3;
  std::vector<at::Tensor> all(static_cast<size_t>(first));
  for (int32_t layer = first; layer <= kDepth; ++layer) {
    all.push_back(value(fmt::format("{} {} {}", kind, layer, period), {kBatch, frames, dim})
                      .to(at::kFloat)
                      .requires_grad_());
  }
  return all;
}

EncoderOutput student_of(int64_t period) {
  const int64_t frames = period == 20 ? kFrames : period == 40 ? 6 : 3;
  EncoderOutput output;
  output.hidden = outputs("student", period, kStudentDim, 0);
  output.queries = outputs("student query", period, kStudentHeads * kHeadDim, 1);
  output.keys = outputs("student key", period, kStudentHeads * kHeadDim, 1);
  output.values = outputs("student value", period, kStudentHeads * kHeadDim, 1);
  output.frames.x = output.hidden.back();
  output.frames.base_lengths = output.frames.lengths = at::tensor(kLengths, at::kLong);
  if (period != 20) {
    output.frames.back_map =
        value(fmt::format("back {}", period), {kBatch, kFrames, frames}).abs().to(at::kFloat);
  }
  return output;
}

Rows rows_of(const Objective& objective) {
  Rows rows;
  for (const Row& row : objective.needs().rows) {
    at::Tensor x;
    if (row.kind == RowKind::kLayerMean) {
      x = value("layer mean", {kBatch, kFrames, kTeacherDim});
    } else if (row.kind == RowKind::kLogits) {
      x = value("teacher logits", {kBatch, kFrames, kClusters}) * 4;
    } else if (row.kind == RowKind::kHidden) {
      const std::string name = fmt::format("teacher {}{}", row.layer, row.masked ? " masked" : "");
      x = value(name, {kBatch, kFrames, kTeacherDim}) * (row.layer + 1) + 0.1 * row.layer;
      if (row.instance_norm) x = instance_norm_over_time(x, valid());
    } else {
      x = value(fmt::format("teacher {} {}", enum_name(row.kind), row.layer),
                {kBatch, kFrames, kTeacherHeads * kHeadDim});
    }
    rows[name_of(row)] = x.to(at::kFloat);
  }
  return rows;
}

void expect_near(const at::Tensor& ours, const Json& golden, const std::string& what) {
  const at::Tensor expected = at::tensor(golden.get<std::vector<double>>(), at::kDouble);
  const at::Tensor got = ours.flatten().slice(0, 0, std::nullopt, 5).to(at::kDouble);
  ASSERT_EQ(got.sizes(), expected.sizes()) << what;
  const double scale = expected.abs().max().item<double>();
  EXPECT_LE((got - expected).abs().max().item<double>(), 1e-5 * std::max(scale, 1e-3)) << what;
}

Json golden_values() {
  return Json::parse(read_text(std::filesystem::path(CONCERTINA_SOURCE_DIR) /
                               "tests/distill/objective/golden.json"));
}

const Architecture kNet({}, kStudentDim, 20000, {{0, 2, 4, 0}, {1, 2, 4, 0}, {2, 2, 4, 0}});

StepData step_of(const Objective& objective, const Rows& rows, double progress) {
  const RowSampler sample = [&](int64_t) { return RowBatch{rows, valid()}; };
  StepData step{.valid = valid(), .progress = progress};
  step.state = objective.initial_state(sample, Rng(1));
  for (auto& [name, tensor] : step.state) {  // what is fitted on draws is given
    if (name.starts_with("memory") || name == "prototypes" || name == "keys")
      tensor = value(name, tensor.sizes()).to(at::kFloat);
    if (name == "weights") tensor = at::tensor({0.7F, 0.3F});
  }
  if (step.state.contains("keys")) {  // two empty places, then one that overlaps the first row
    step.first = at::tensor({0, 1000, 2000}, at::kLong);
    at::Tensor& first = step.state.at("first");
    first = at::arange(first.numel()) * 100 + 5000;
    first[2] = 11;
    step.state.at("frames").slice(0, 2).fill_(5);
  }
  step.mask = value("mask", {kBatch, kFrames}) > 0;
  step.units = ((value("units", {kBatch, kFrames}) + 1) * (kClusters / 2.0)).to(at::kLong);
  return step;
}

// With what two larger subnets gave, where smaller ones learn from them.
TensorMap goal_with_assistants(const Objective& objective, const Rows& rows, const StepData& step) {
  TensorMap goal = goal_of(objective, rows, step);
  if (!objective.has_assistants()) return goal;
  for (int k = 0; k < 2; ++k) {
    const at::Tensor logits = value(fmt::format("assistant {}", k), {kBatch, kFrames, kClusters});
    goal =
        objective.assisted_goal(goal, {{"probabilities", (logits * 3).softmax(-1).to(at::kFloat)}});
  }
  return goal;
}

TensorMap heads_of(const Objective& objective) {
  TensorMap heads;
  for (const Parameters::Init& init : objective.parameters(Rng(2)))
    heads[init.name] = value(init.name, init.value.sizes()).to(at::kFloat).requires_grad_();
  return heads;
}

// By name, of every leaf that has one.
TensorMap gradients_of(const EncoderOutput& student, const TensorMap& heads) {
  TensorMap all;
  const auto add = [&](const std::string& kind, const std::vector<at::Tensor>& layers) {
    for (size_t i = 0; i < layers.size(); ++i) {
      if (layers[i].defined() && layers[i].grad().defined())
        all[fmt::format("{} {}", kind, i)] = layers[i].grad();
    }
  };
  add("hidden", student.hidden);
  add("query", student.queries);
  add("key", student.keys);
  add("value", student.values);
  for (const auto& [name, head] : heads) {
    if (head.grad().defined()) all[name] = head.grad();
  }
  return all;
}

TEST(Golden, LossesAndGradientsEqualTheFormulas) {
  const Json golden = golden_values();
  std::map<std::string, int32_t> kinds;
  for (const Json& item : golden.at("cases")) {
    const auto objective = make_objective(item.at("objective").dump());
    const std::string what = item.at("objective").dump() + " " + item.at("period").dump();
    ++kinds[item.at("objective").at("kind").get<std::string>()];
    EXPECT_EQ(make_objective(objective->to_json())->to_json(), objective->to_json());

    const Rows rows = rows_of(*objective);
    const StepData step = step_of(*objective, rows, golden.at("progress").get<double>());
    const TensorMap heads = heads_of(*objective);
    const EncoderOutput student = student_of(item.at("period").get<int64_t>());
    const TensorMap goal = goal_with_assistants(*objective, rows, step);
    const LossBreakdown loss = objective->loss({student, kNet, heads, goal, step});
    loss.total.backward();
    const double expected = item.at("loss").get<double>();
    EXPECT_NEAR(loss.total.item<double>(), expected, 1e-5 * std::abs(expected)) << what;
    const TensorMap gradients = gradients_of(student, heads);
    for (const auto& [name, gradient] : item.at("gradients").items()) {
      ASSERT_TRUE(gradients.contains(name)) << what << name;
      expect_near(gradients.at(name), gradient, what + " " + name);
    }
  }
  for (const ObjectiveKind& kind : objective_kinds())
    EXPECT_GT(kinds[std::string(kind.name)], 0) << kind.name << " has no golden values";
}

at::Tensor filled(const at::Tensor& x, const at::Tensor& where, double fill) {
  return at::where(where.unsqueeze(2), x.detach(), fill).requires_grad_(x.requires_grad());
}

// Loss and gradients with `fill` in every invalid frame of teacher and student.
std::pair<at::Tensor, TensorMap> with_invalid_frames(const Objective& objective, int64_t period,
                                                     double fill) {
  Rows rows = rows_of(objective);
  for (auto& [name, row] : rows) row = filled(row, valid(), fill);
  const StepData step = step_of(objective, rows, 0.25);
  const TensorMap heads = heads_of(objective);
  EncoderOutput student = student_of(period);
  const int64_t frames = student.frames.x.size(1), each = kFrames / frames;
  student.frames.valid = valid().slice(1, 0, std::nullopt, each);
  for (auto* list : {&student.hidden, &student.queries, &student.keys, &student.values}) {
    for (at::Tensor& x : *list) {
      if (x.defined()) x = filled(x, student.frames.valid, fill);
    }
  }
  student.frames.x = student.hidden.back();
  at::Tensor& back = student.frames.back_map;
  if (back.defined()) back = back * student.frames.valid.unsqueeze(1);
  const TensorMap goal = goal_with_assistants(objective, rows, step);
  const LossBreakdown loss = objective.loss({student, kNet, heads, goal, step});
  loss.total.backward();
  return {loss.total.detach(), gradients_of(student, heads)};
}

TEST(Golden, InvalidFramesChangeNoBit) {
  const Json golden = golden_values();
  for (const Json& item : golden.at("cases")) {
    const std::string what = item.at("objective").dump() + " " + item.at("period").dump();
    const auto objective = make_objective(item.at("objective").dump());
    const auto period = item.at("period").get<int64_t>();
    const auto [loss, gradients] = with_invalid_frames(*objective, period, 0);
    const auto [same, others] =
        with_invalid_frames(*objective, period, std::numeric_limits<double>::quiet_NaN());
    EXPECT_TRUE(same.equal(loss)) << what;
    ASSERT_EQ(others.size(), gradients.size());
    for (const auto& [name, gradient] : gradients)
      EXPECT_TRUE(others.at(name).equal(gradient)) << what << " " << name;
  }
}

// Where no queue or memory begins with draws: what they are fitted to.
TEST(Pooling, CentresAndMemoriesAreMeansOfTheirVectors) {
  const at::Tensor ends = at::tensor({0.0F, 0.0F, 8.0F, 8.0F}).view({2, 2});
  const at::Tensor vectors = at::cat({ends, ends + 1});  // two clusters
  const at::Tensor centres = std::get<0>(cluster_centres(vectors, 2, 5, Rng(1)).sort(0));
  EXPECT_TRUE(centres.equal(ends + 0.5));
  EXPECT_TRUE(fitted_memory(vectors, 1, Rng(1)).equal(vectors.mean(0, true)));
  const at::Tensor valid = at::tensor({1, 0}, at::kLong).view({1, 2}).to(at::kBool);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const at::Tensor x = at::tensor({3.0, nan}, at::kFloat).view({1, 2, 1});
  EXPECT_EQ(pooled_over(x, valid).item<double>(), 3);
}

TEST(Distance, ValuesThatAreKnown) {
  const at::Tensor x = at::tensor({1.0F, 2.0F}).view({1, 1, 2});
  EXPECT_NEAR(log_sigmoid_cosine(x, x).item<double>(), 0.3133, 1e-4);
  EXPECT_NEAR(frame_distance(Distance::kNmse, x, -x).item<double>(), 4, 1e-6);
}

}  // namespace
}  // namespace concertina
