// Weights of assistants: differential evolution against the exact optimum, and what a stage learns.
#include <gtest/gtest.h>

#include <cmath>

#include "distill/objective/assistants.h"
#include "distill/objective/mixture.h"
#include "distill/objective/objective_file.h"
#include "tests/distill/training.h"

namespace concertina {
namespace {

// The optimum by expectation maximisation, which converges to it for mixture weights (Dempster et al. 1977):
// w_k <- mean_n w_k p_nk / sum_j w_j p_nj.
at::Tensor em_weights(const at::Tensor& probabilities) {
  const at::Tensor p = probabilities.to(at::kDouble);
  at::Tensor weights = at::full({p.size(1)}, 1.0 / static_cast<double>(p.size(1)), at::kDouble);
  for (int i = 0; i < 5000; ++i) {
    const at::Tensor share = p * weights;
    weights = (share / share.sum(1, true)).mean(0);
  }
  return weights;
}

double entropy_of(const at::Tensor& weights, const at::Tensor& probabilities) {
  return mixture_cross_entropy(weights.to(at::kDouble), probabilities).item<double>();
}

// Of predictors that are good at different frames; the last is worse than the first everywhere.
at::Tensor probabilities_of(int64_t frames, int64_t predictors, uint64_t seed) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  const at::Tensor skill = at::arange(predictors, at::kFloat) * 0.4 - 1;
  at::Tensor p = (at::empty({frames, predictors}).normal_(0, 2, generator) + skill).sigmoid();
  p.select(1, predictors - 1).copy_(p.select(1, 0) * 0.9);
  return p;
}

at::Tensor equal_weights(int64_t count) {
  return at::full({count}, 1.0 / static_cast<double>(count));
}

TEST(Mixture, EvolvesToTheOptimumOfExpectationMaximisation) {
  for (const int64_t count : {2, 3, 4, 8}) {
    const at::Tensor p = probabilities_of(3000, count, static_cast<uint64_t>(count));
    const double optimum = entropy_of(em_weights(p), p);
    const at::Tensor weights = evolved_weights(equal_weights(count), p, 150, Rng(1));
    EXPECT_NEAR(weights.sum().item<double>(), 1, 1e-5);
    EXPECT_GE(weights.min().item<double>(), 0);
    EXPECT_NEAR(entropy_of(weights, p), optimum, 1e-3) << count;
    // What the bound rejects: weights that nothing chose.
    EXPECT_GT(entropy_of(equal_weights(count), p), optimum + 1e-3) << count;
  }
}

TEST(Mixture, StartsFromTheWeightsThatItHas) {
  const at::Tensor p = probabilities_of(500, 4, 9);
  const at::Tensor best = em_weights(p).to(at::kFloat);
  const at::Tensor kept = evolved_weights(best, p, 0, Rng(2));
  EXPECT_LT((kept - best).abs().max().item<double>(), 1e-5);
  const at::Tensor weights = evolved_weights(equal_weights(4), p, 10, Rng(2));
  EXPECT_TRUE(weights.equal(evolved_weights(equal_weights(4), p, 10, Rng(2))));
}

TEST(Assistants, OneThatIsNotThereHasNoShare) {
  AssistantsSpec spec;
  spec.units = 3;
  spec.student_dim = 2;
  spec.share = 1;
  const AssistantsObjective objective(spec);
  EncoderOutput student;
  student.frames.x = at::ones({1, 4, 2});
  student.frames.base_lengths = student.frames.lengths = at::full({1}, 4, at::kLong);
  const TensorMap heads = {{"objective.head.weight", at::zeros({3, 2})},
                           {"objective.head.bias", at::tensor({1.0F, 0.0F, -1.0F})}};
  StepData step{
      .valid = at::ones({1, 4}, at::kBool), .units = at::zeros({1, 4}, at::kLong), .progress = 0};
  step.state = {{"weights", at::tensor({0.1F, 0.9F})}};
  const Architecture net({}, 2, 20000, {{0, 1, 4, 0}});
  const at::Tensor own = heads.at("objective.head.bias").softmax(0).expand({1, 4, 3});
  const TensorMap none = {};
  const TensorMap one = objective.assisted_goal(none, {{"probabilities", own}});
  const TensorMap two = objective.assisted_goal(one, {{"probabilities", own.flip(2)}});
  const auto loss = [&](const TensorMap& goal) {
    return objective.loss({student, net, heads, goal, step}).total.item<double>();
  };
  EXPECT_NEAR(loss(none), -std::log(own[0][0][0].item<double>()), 1e-6);  // the units alone
  EXPECT_NEAR(loss(one), 0, 1e-6);                                        // says what it says
  EXPECT_GT(loss(two), 0.1);
  EXPECT_EQ(objective.assisted_goal(two, {{"probabilities", own}}).size(), 2U);  // no third
  EXPECT_TRUE(objective.observed(one, step).empty());
}

class AssistantsStage : public testing::Training {};

TEST_F(AssistantsStage, FindsTheWeightsOfItsLargerSubnets) {
  const Supernet teacher = Supernet::random(testing::tiny_teacher(space), Rng(1));
  ConfigFile file = ConfigFile::parse(
      "stage2: {init: teacher, steps: 12, batch: {crops: 4, seconds: 0.5}, validate_every: 6, "
      "validation_crops: 3, sampler: {kind: sandwich, random: 1}, "
      "units: {features: teacher, layer: 1, clusters: 6, sample_frames: 300}, "
      "optimizer: {lr: 3e-2}, "
      "objective: {kind: sum, of: [{kind: layer_mean, top: 1}, {kind: assistants}]}}\n");
  const DistillOptions options = DistillOptions::from_config(file.root().section("stage2"), 2);
  file.finish();
  testing::Recorder recorder;
  StageContext where = context("assistants");
  where.observers = {&recorder};
  distill_stage(options, {2, space, teacher, nullptr, manifest}, where);
  ASSERT_EQ(recorder.steps.size(), 12U);
  EXPECT_EQ(recorder.steps[0].loss.terms[0].first, "largest");
  EXPECT_EQ(recorder.steps[0].loss.terms.size(), 3U);
  const TrainedObjective trained = load_objective(where.folder / "objective.safetensors");
  const at::Tensor weights = trained.state.at("1.weights");
  const at::Tensor seen = trained.state.at("1.probabilities");
  constexpr int64_t kSteps = 12, kCrops = 4, kFramesOfHalfASecond = 24;
  EXPECT_EQ(seen.lt(1).sum().item<int64_t>(), 2 * kSteps * kCrops * kFramesOfHalfASecond);
  EXPECT_FALSE(weights.equal(equal_weights(2)));
  EXPECT_NEAR(entropy_of(weights, seen), entropy_of(em_weights(seen), seen), 1e-3);
}

}  // namespace
}  // namespace concertina
