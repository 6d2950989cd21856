// The teacher that sees labels: its guard holds, and fails for a teacher that copies them.
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>

#include "distill/objective/heads.h"
#include "distill/objective/oracle.h"
#include "tests/distill/training.h"

namespace concertina {
namespace {

// Units come in pairs that sound alike, and a clip has one of each pair.
constexpr int64_t kPairs = 6, kUnits = 2 * kPairs, kClips = 16, kFrames = 40, kStudentDim = 2;
const Architecture kNet({}, kStudentDim, 20000, {{0, 1, 4, 0}});

struct SoundsAlike {
  Rows rows;
  StepData step;
  const at::Tensor& x() const { return rows.at("0/hidden:1"); }
};

SoundsAlike clips_of(uint64_t seed) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  const auto draw = [&](int64_t below, at::IntArrayRef shape) {
    return at::randint(below, shape, generator, at::kLong);
  };
  const at::Tensor pairs = draw(kPairs, {kClips, kFrames});
  const at::Tensor which = draw(2, {kClips, kPairs}).gather(1, pairs);
  const auto noise = [&](int64_t channels, double scale) {
    return at::empty({kClips, kFrames, channels}).normal_(0, scale, generator);
  };
  const at::Tensor sign = (which * 2 - 1).to(at::kFloat).unsqueeze(2) * 0.5;
  SoundsAlike clips;
  clips.rows["0/hidden:1"] = at::cat(
      {at::one_hot(pairs, kPairs).to(at::kFloat) + noise(kPairs, 0.4), sign + noise(1, 1)}, 2);
  clips.step = {.valid = at::ones({kClips, kFrames}, at::kBool),
                .units = pairs * 2 + which,
                .first = at::arange(kClips) * kFrames + static_cast<int64_t>(seed) * 1000,
                .progress = 0.5,
                .rng = Rng(seed)};
  return clips;
}

OracleSpec spec_of_test() {
  OracleSpec spec;
  spec.dim = 32;
  spec.units = kUnits;
  spec.teacher_depth = 1;
  spec.teacher_dim = kPairs + 1;
  spec.student_dim = kStudentDim;
  return spec;
}

EncoderOutput silent_student() {
  EncoderOutput output;
  output.frames.x = at::zeros({kClips, kFrames, kStudentDim});
  output.frames.base_lengths = output.frames.lengths = at::full({kClips}, kFrames, at::kLong);
  return output;
}

// Adam on fresh clips in each step.
TensorMap trained(const OracleObjective& objective,
                  const std::function<at::Tensor(const TensorMap&, const SoundsAlike&)>& loss) {
  TensorMap heads, mean, square;
  for (const auto& init : objective.parameters(Rng(3))) {
    heads[init.name] = init.value.clone().requires_grad_();
    mean[init.name] = at::zeros_like(init.value);
    square[init.name] = at::zeros_like(init.value);
  }
  for (int step = 1; step <= 400; ++step) {
    loss(heads, clips_of(static_cast<uint64_t>(step))).backward();
    const at::NoGradGuard no_grad;
    for (auto& [name, head] : heads) {
      if (!head.grad().defined()) continue;
      mean.at(name).lerp_(head.grad(), 0.1);
      square.at(name).lerp_(head.grad().square(), 0.01);
      const at::Tensor scale = (square.at(name) / (1 - std::pow(0.99, step))).sqrt() + 1e-8;
      head.sub_(mean.at(name) / (1 - std::pow(0.9, step)) / scale, 0.02);
      head.mutable_grad().reset();
    }
  }
  return heads;
}

// A teacher that sees which label each frame has: it need not hear anything.
at::Tensor copying_logits(const TensorMap& heads, const at::Tensor& x, const at::Tensor& labels) {
  const at::Tensor each = heads.at("objective.oracle.labels").index_select(0, labels.flatten());
  const at::Tensor shown = each.view({labels.size(0), labels.size(1), -1});
  const at::Tensor h = apply_head(heads, "objective.oracle.source", x);
  return apply_head(heads, "objective.oracle.output", at::gelu(h + shown));
}

LossBreakdown loss_of(const OracleObjective& objective, const TensorMap& heads,
                      const SoundsAlike& clips) {
  const EncoderOutput student = silent_student();
  const TensorMap goal = goal_of(objective, clips.rows, clips.step);
  return objective.loss({student, kNet, heads, goal, clips.step});
}

TEST(Oracle, RightLabelsHelpAndWrongOnesAreNotBelieved) {
  const OracleObjective objective(spec_of_test());
  const TensorMap heads = trained(objective, [&](const TensorMap& now, const SoundsAlike& clips) {
    return loss_of(objective, now, clips).total;
  });
  const at::NoGradGuard no_grad;
  SoundsAlike test = clips_of(100000);
  const OracleGuard guard = oracle_guard(
      [&](const at::Tensor& units) {
        return objective.oracle_logits(heads, test.x(),
                                       objective.labels_of(units, test.step.valid));
      },
      test.step.units, test.step.valid, kUnits);
  EXPECT_TRUE(holds(guard));
  EXPECT_GT(guard.right.item<double>(), guard.hidden.item<double>() + 0.2);
  EXPECT_NEAR(guard.hidden.item<double>(), 0.6, 0.07);  // Phi(0.5) of 0.87 for the pairs
  test.step.progress.reset();                           // validation reports it
  std::map<std::string, double> terms;
  for (const auto& [name, value] : loss_of(objective, heads, test).terms)
    terms[name] = value.item<double>();
  EXPECT_NEAR(terms.at("guard.right"), guard.right.item<double>(), 1e-6);
  EXPECT_NEAR(terms.at("guard.hidden"), guard.hidden.item<double>(), 1e-6);
  EXPECT_NEAR(terms.at("guard.wrong"), guard.wrong.item<double>(), 1e-6);
  EXPECT_NEAR(terms.at("guard.followed"), guard.followed.item<double>(), 1e-6);
}

TEST(Oracle, TheGuardRejectsATeacherThatCopiesItsLabels) {
  const OracleObjective objective(spec_of_test());
  const at::Tensor none = at::full({kClips, kFrames}, kUnits, at::kLong);
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(4);
  const TensorMap heads = trained(objective, [&](const TensorMap& now, const SoundsAlike& clips) {
    const at::Tensor hidden = at::empty({kClips, kFrames}).uniform_(0, 1, generator).lt(0.3);
    const at::Tensor shown = at::where(hidden, none, clips.step.units);
    return at::cross_entropy_loss(copying_logits(now, clips.x(), shown).flatten(0, 1),
                                  clips.step.units.flatten());
  });
  const at::NoGradGuard no_grad;
  const SoundsAlike test = clips_of(100000);
  const OracleGuard guard = oracle_guard(
      [&](const at::Tensor& units) {
        return copying_logits(heads, test.x(), units.defined() ? units : none);
      },
      test.step.units, test.step.valid, kUnits);
  EXPECT_GT(guard.right.item<double>(), guard.hidden.item<double>());  // right labels do help
  EXPECT_GT(guard.followed.item<double>(), 0.5);
  EXPECT_FALSE(holds(guard));
}

TEST(Oracle, LeavesOutTheSameLabelsHoweverRowsAreBatched) {
  OracleSpec spec = spec_of_test();
  spec.label_dropout = 0.4;
  const OracleObjective objective(spec);
  const SoundsAlike clips = clips_of(1);
  const auto seen = [&](int64_t from, int64_t count, uint64_t step) {
    StepData part = clips.step;
    part.rng = Rng(step);
    for (at::Tensor* each : {&part.valid, &part.units, &part.first})
      *each = each->narrow(0, from, count);
    return goal_of(objective, {{"0/hidden:1", clips.x().narrow(0, from, count)}}, part).at("seen");
  };
  const at::Tensor whole = seen(0, kClips, 7);
  EXPECT_TRUE(at::cat({seen(0, 5, 7), seen(5, kClips - 5, 7)}).equal(whole));
  EXPECT_FALSE(seen(0, kClips, 8).equal(whole));
  const at::Tensor labels = objective.labels_of(clips.step.units, clips.step.valid);
  EXPECT_FALSE(whole.logical_and(labels.logical_not()).any().item<bool>());
  double share = 0;
  for (uint64_t step = 0; step < 200; ++step) share += seen(0, kClips, step).sum().item<double>();
  EXPECT_NEAR(share / 200 / labels.sum().item<double>(), 0.6 * 0.6, 0.03);
}

class OracleStage : public testing::Training {};

TEST_F(OracleStage, NeedsNoMaskAndReportsTheGuardInValidation) {
  const Supernet teacher = Supernet::random(testing::tiny_teacher(space), Rng(1));
  ConfigFile file = ConfigFile::parse(
      "stage1: {steps: 6, batch: {crops: 4, seconds: 0.5}, validate_every: 3, validation_crops: 3, "
      "cache: {dtype: fp16}, units: {features: teacher, layer: 1, clusters: 6, sample_frames: "
      "300}, "
      "objective: {kind: oracle, dim: 8}}\n");
  const DistillOptions options = DistillOptions::from_config(file.root().section("stage1"), 1);
  file.finish();
  const StageResult result =
      distill_stage(options, {1, space, teacher, nullptr, manifest}, context("oracle"));
  std::vector<std::string> terms;
  for (const auto& [name, value] : result.outcome.validation.sizes[0].second.terms)
    terms.push_back(name);
  EXPECT_THAT(terms, ::testing::IsSupersetOf({"units", "guard.right", "guard.followed"}));
}

}  // namespace
}  // namespace concertina
