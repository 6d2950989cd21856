// Properties of objectives after published methods that need no golden values.
#include <gtest/gtest.h>

#include "distill/objective/cka.h"
#include "distill/objective/contrastive.h"
#include "distill/objective/distances_and_angles.h"
#include "distill/objective/layer_pairing.h"
#include "distill/objective/masked_pairs.h"
#include "distill/objective/upsampling.h"

namespace concertina {
namespace {

const Architecture kNet({}, 4, 20000, {{0, 1, 4, 0}});

// One layer of a student, all frames valid.
EncoderOutput output_of(const at::Tensor& x) {
  EncoderOutput output;
  output.hidden = {x, x};
  output.frames.x = x;
  output.frames.base_lengths = output.frames.lengths = at::full({x.size(0)}, x.size(1), at::kLong);
  return output;
}

TensorMap values_of(const Objective& objective) {
  TensorMap heads;
  for (const auto& init : objective.parameters(Rng(0))) heads[init.name] = init.value;
  return heads;
}

at::Tensor waves(at::IntArrayRef shape, double step) {
  return at::sin(at::arange(c10::multiply_integers(shape), at::kFloat) * step).view(shape);
}

at::Tensor all_valid(int64_t batch, int64_t frames) { return at::ones({batch, frames}, at::kBool); }

template <class Spec>
Spec one_layer_each(Spec spec) {
  spec.teacher_depth = spec.student_depth = 1;
  spec.teacher_dim = spec.student_dim = 4;
  return spec;
}

TEST(Upsampling, IsATransposedConvolutionWhereFramesAreRepeated) {
  const Upsampling upsampling{"up", 2, 4};
  const at::Tensor kernel = waves({4, 4, 2}, 0.7), x = waves({1, 3, 4}, 0.3);  // [in, out, 2]
  const TensorMap heads = {{"up.0.weight", kernel.select(2, 0).t()},
                           {"up.1.weight", kernel.select(2, 1).t()},
                           {"up.bias", waves({4}, 0.9)}};
  Frames frames;
  frames.back_map = at::repeat_interleave(at::eye(3), 2, 0).unsqueeze(0);
  const at::Tensor expected =
      at::conv_transpose1d(x.transpose(1, 2), kernel, heads.at("up.bias"), 2).transpose(1, 2);
  EXPECT_LT((upsample(heads, upsampling, frames, x) - expected).abs().max().item<double>(), 1e-5);
}

TEST(Cka, IsOneForRotatedFeatures) {
  const CkaObjective objective(one_layer_each(CkaSpec{}));
  const at::Tensor x = waves({2, 9, 4}, 1.3);
  const at::Tensor rotation = std::get<0>(at::linalg_qr(waves({4, 4}, 2.1)));
  const StepData step{.valid = all_valid(2, 9)};
  const TensorMap goal = goal_of(objective, {{"0/hidden:1", at::matmul(x, rotation) * 3}}, step);
  const LossBreakdown loss = objective.loss({output_of(x), kNet, {}, goal, step});
  EXPECT_NEAR(loss.total.item<double>(), 0, 1e-5);
}

TEST(DistancesAndAngles, AreThoseOfRotatedScaledAndMovedFeatures) {
  DistancesAndAnglesSpec spec;
  spec.offsets = {1, 2};
  spec.teacher_depth = spec.student_depth = 1;
  const DistancesAndAnglesObjective objective(spec);
  const at::Tensor x = waves({2, 9, 4}, 1.3);
  const at::Tensor rotation = std::get<0>(at::linalg_qr(waves({4, 4}, 2.1)));
  const StepData step{.valid = all_valid(2, 9)};
  const TensorMap goal =
      goal_of(objective, {{"0/hidden:1", at::matmul(x, rotation) * 3 + 5}}, step);
  const auto loss_of = [&](const at::Tensor& student, const at::Tensor& mask) {
    EncoderOutput output = output_of(student);
    output.frames.loss_mask = mask;
    return objective.loss({output, kNet, {}, goal, step}).total;
  };
  EXPECT_NEAR(loss_of(x, {}).item<double>(), 0, 1e-5);
  EXPECT_GT(loss_of(waves({2, 9, 4}, 0.4), {}).item<double>(), 0.01);
  // Both means are over the masked frames alone, where the loss is.
  const at::Tensor mask = (at::arange(9) < 5).expand({2, 9});
  EXPECT_NEAR(loss_of(x, mask).item<double>(), 0, 1e-5);
}

TEST(DistancesAndAngles, OfEqualFramesHaveAGradientOfZero) {
  DistancesAndAnglesSpec spec;
  spec.offsets = {1};
  spec.teacher_depth = spec.student_depth = 1;
  const DistancesAndAnglesObjective objective(spec);
  const StepData step{.valid = all_valid(1, 6)};
  const TensorMap goal = goal_of(objective, {{"0/hidden:1", waves({1, 6, 4}, 1.3)}}, step);
  const at::Tensor x = (waves({1, 1, 4}, 0.7) * 10).repeat({1, 6, 1}).requires_grad_();
  const at::Tensor loss = objective.loss({output_of(x), kNet, {}, goal, step}).total;
  loss.backward();
  EXPECT_GT(loss.item<double>(), 0.1);
  EXPECT_EQ(x.grad().abs().max().item<double>(), 0);
}

TEST(MaskedPairs, WithoutAMaskRegressTheMaskedPass) {
  const MaskedPairsObjective objective(one_layer_each(MaskedPairsSpec{}));
  const Rows rows = {{"0/hidden:1", waves({1, 5, 4}, 0.2)},
                     {"0/hidden:1:masked", waves({1, 5, 4}, 0.8)}};
  StepData step{.valid = all_valid(1, 5)};
  EXPECT_TRUE(goal_of(objective, rows, step).at("0/hidden:1").equal(rows.at("0/hidden:1:masked")));
  step.mask = at::ones({1, 5}, at::kBool);
  EXPECT_TRUE(goal_of(objective, rows, step).at("0/hidden:1").equal(rows.at("0/hidden:1")));
}

TEST(Contrastive, ItsQueueKeepsTheNewestKeys) {
  ContrastiveSpec spec;
  spec.queue = 3;
  spec.teacher_depth = 1;
  spec.teacher_dim = spec.student_dim = 4;
  const ContrastiveObjective objective(spec);
  StepData step{.valid = all_valid(2, 5), .first = at::tensor({0, 100}, at::kLong)};
  step.state = objective.initial_state({}, Rng(1));
  const Rows rows = {{"0/hidden:1", waves({2, 5, 4}, 0.4)}};
  const TensorMap goal = goal_of(objective, rows, step), heads = values_of(objective);
  const auto loss = [&] {
    return objective.loss({output_of(waves({2, 5, 4}, 0.9)), kNet, heads, goal, step})
        .total.item<double>();
  };
  EXPECT_NEAR(loss(), 0, 1e-6);  // no negatives yet
  step.state = objective.next_state(objective.observed(goal, step), step);
  EXPECT_TRUE(step.state.at("frames").equal(at::tensor({0, 5, 5}, at::kLong)));
  EXPECT_TRUE(step.state.at("keys").slice(0, 1).equal(goal.at("key")));
  const double other = loss();  // each clip has the other's key
  EXPECT_GT(other, 0.01);
  step.state = objective.next_state(objective.observed(goal, step), step);
  EXPECT_TRUE(step.state.at("first").equal(at::tensor({100, 0, 100}, at::kLong)));
  step.first = at::tensor({2, 103}, at::kLong);  // overlaps its own key of before
  EXPECT_GT(loss(), 0.01);
  step.first = at::tensor({-1, -1}, at::kLong);  // not known: nothing is left out
  EXPECT_GT(loss(), other);
}

TEST(LayerPairing, AttentionOfTheLastLayerThatHasSome) {
  LayerPairing pairing;
  pairing.map = LayerMap::kPairs;
  pairing.teacher_layers = {2};
  pairing.student_layers = {3};
  pairing.teacher_depth = 2;
  pairing.student_depth = 3;
  const Architecture some({}, 4, 20000, {{0, 1, 4, 0}, {1, 1, 4, 0}, {2, 0, 4, 0}});
  const auto pairs = attention_pairs_of(pairing, some);
  ASSERT_EQ(pairs.size(), 1U);
  EXPECT_EQ(pairs[0].student_layer, 2);
  EXPECT_TRUE(attention_pairs_of(pairing, Architecture({}, 4, 20000, {{0, 0, 4, 0}})).empty());
}

}  // namespace
}  // namespace concertina
