// Losses and gradients against tests/parity/golden/objectives.py, which computes them from the formulas.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "distill/objective/objective_kinds.h"
#include "tests/model/closed_form.h"

namespace concertina {
namespace {

using Json = nlohmann::json;

constexpr int64_t kBatch = 3, kFrames = 12, kStudentDim = 6, kTeacherDim = 8, kClusters = 5;
constexpr int32_t kDepth = 3, kTeacherDepth = 6;
const std::vector<int64_t> kLengths = {12, 7, 5};

at::Tensor value(const std::string& name, at::IntArrayRef shape) {
  return at::tensor(testing::uniform(name, c10::multiply_integers(shape)), at::kDouble).view(shape);
}

at::Tensor valid() {
  return at::arange(kFrames).unsqueeze(0) < at::tensor(kLengths, at::kLong).unsqueeze(1);
}

EncoderOutput student_of(int64_t period) {
  const int64_t frames = period == 20 ? kFrames : period == 40 ? 6 : 3;
  EncoderOutput output;
  for (int32_t layer = 0; layer <= kDepth; ++layer) {
    output.hidden.push_back(
        value(fmt::format("student {} {}", layer, period), {kBatch, frames, kStudentDim})
            .to(at::kFloat)
            .requires_grad_());
  }
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
    } else {
      x = value(fmt::format("teacher {}", row.layer), {kBatch, kFrames, kTeacherDim}) *
              (row.layer + 1) +
          0.1 * row.layer;
      if (row.instance_norm) x = instance_norm_over_time(x, valid());
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

TEST(Golden, LossesAndGradientsEqualTheFormulas) {
  const Json golden = Json::parse(read_text(std::filesystem::path(CONCERTINA_SOURCE_DIR) /
                                            "tests/distill/objective/golden.json"));
  const Architecture net({}, kStudentDim, 20000, {{0, 1, 4, 0}, {1, 1, 4, 0}, {2, 1, 4, 0}});
  std::map<std::string, int32_t> kinds;
  for (const Json& item : golden.at("cases")) {
    const auto objective = make_objective(item.at("objective").dump());
    const std::string what = item.at("objective").dump() + " " + item.at("period").dump();
    ++kinds[item.at("objective").at("kind").get<std::string>()];
    EXPECT_EQ(make_objective(objective->to_json())->to_json(), objective->to_json());

    const Rows rows = rows_of(*objective);
    const RowSampler sample = [&](int64_t) { return RowBatch{rows, valid()}; };
    StepData step{.valid = valid(), .progress = golden.at("progress").get<double>()};
    step.state = objective->initial_state(sample, Rng(1));
    step.mask = value("mask", {kBatch, kFrames}) > 0;
    step.units = ((value("units", {kBatch, kFrames}) + 1) * (kClusters / 2.0)).to(at::kLong);
    TensorMap heads;
    for (const Parameters::Init& init : objective->parameters(Rng(2)))
      heads[init.name] = value(init.name, init.value.sizes()).to(at::kFloat).requires_grad_();

    const EncoderOutput student = student_of(item.at("period").get<int64_t>());
    const TensorMap goal = goal_of(*objective, rows, step);
    const LossBreakdown loss = objective->loss({student, net, heads, goal, step});
    loss.total.backward();
    const double expected = item.at("loss").get<double>();
    EXPECT_NEAR(loss.total.item<double>(), expected, 1e-5 * std::abs(expected)) << what;
    for (const auto& [name, gradient] : item.at("gradients").items()) {
      const bool hidden = name.starts_with("hidden ");
      const at::Tensor leaf =
          hidden ? student.hidden.at(static_cast<size_t>(std::stoi(name.substr(7))))
                 : heads.at(name);
      ASSERT_TRUE(leaf.grad().defined()) << what << name;
      expect_near(leaf.grad(), gradient, what + " " + name);
    }
  }
  for (const ObjectiveKind& kind : objective_kinds())
    EXPECT_GT(kinds[std::string(kind.name)], 0) << kind.name << " has no golden values";
}

}  // namespace
}  // namespace concertina
