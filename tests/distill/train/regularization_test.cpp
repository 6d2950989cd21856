#include "distill/train/regularization.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "core/hash.h"
#include "tests/distill/one_step.h"
#include "tests/distill/training.h"

namespace concertina {
namespace {

using testing::batch_of;
using testing::layer_mean_learner;
using testing::step_gradient;
using testing::StopAt;
using testing::tiny_pretraining;
using testing::tiny_training;
using testing::Training;

constexpr DropoutRates kAll{
    .input = 0.1, .hidden = 0.1, .attention = 0.1, .activation = 0.1, .layer = 0.2};

TEST(Dropout, ScalesWhatItKeepsAndIsTheSameForEachRow) {
  const at::Tensor x = at::ones({6, 40, 50});
  const Dropout all({}, Rng(7), 0), last({}, Rng(7), 4);
  const at::Tensor y = all.apply(x, 0.25, DropoutPlace::kFfn, 3);
  EXPECT_TRUE(y.eq(0).logical_or(y.sub(4.0 / 3).abs().lt(1e-6)).all().item<bool>());
  EXPECT_NEAR(y.mean().item<double>(), 1, 0.02);
  EXPECT_TRUE(all.apply(x, 0.25, DropoutPlace::kFfn, 3).equal(y));
  EXPECT_TRUE(last.apply(x.narrow(0, 4, 2), 0.25, DropoutPlace::kFfn, 3).equal(y.narrow(0, 4, 2)));
  EXPECT_FALSE(y[0].equal(y[1]));
  EXPECT_FALSE(all.apply(x, 0.25, DropoutPlace::kFfn, 2).equal(y));
  EXPECT_FALSE(all.apply(x, 0.25, DropoutPlace::kFfnOutput, 3).equal(y));
  EXPECT_TRUE(all.apply(x, 0, DropoutPlace::kFfn).is_same(x));
}

TEST(Dropout, SkipsLayersAsOftenAsItShould) {
  int64_t skipped = 0;
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    skipped += Dropout({.layer = 0.3}, Rng(seed), 0).skips(2) ? 1 : 0;
    EXPECT_FALSE(Dropout({}, Rng(seed), 0).skips(2));
  }
  EXPECT_NEAR(static_cast<double>(skipped), 300, 50);
}

// With a rate that drops nothing, attention takes the path that has the weights.
TEST(Dropout, AttentionWithAndWithoutItAgrees) {
  const Supernet model = Supernet::random(testing::tiny_space(), Rng(3));
  const Subnet subnet = model.slice(model.space().largest());
  const SpeechBatch batch = make_batch(testing::tones(2, 8000, 1));
  const EncoderOutput fast = encode(subnet, batch);
  const TrainingPass pass{.dropout = Dropout({.attention = 1e-12}, Rng(1), 0)};
  const EncoderOutput slow = encode_from(subnet, encoder_input(subnet, batch), {}, pass);
  EXPECT_TRUE(at::allclose(fast.frames.x, slow.frames.x, 1e-4, 1e-5));
}

TEST(Dropout, ASkippedLayerPassesItsInputOn) {
  const Supernet model = Supernet::random(testing::tiny_space(), Rng(3));
  const Subnet subnet = model.slice(model.space().largest());
  const SpeechBatch batch = make_batch(testing::tones(2, 8000, 1));
  const TrainingPass pass{.dropout = Dropout({.layer = 0.999999}, Rng(1), 0)};
  const Frames input = encoder_input(subnet, batch);
  const EncoderOutput output = encode_from(subnet, input, {.all_hidden = true}, pass);
  for (const at::Tensor& hidden : output.hidden) EXPECT_TRUE(hidden.equal(input.x));
  const EncoderOutput watched = encode_from(subnet, input, {.ffn_results = {2}}, pass);
  EXPECT_TRUE(watched.ffn_results[2].defined());
}

class Regularized : public Training {
 protected:
  static std::unique_ptr<Learner> learner(const SearchSpace& of,
                                          const RegularizationOptions& options, int32_t rank = 0) {
    return layer_mean_learner(of, [&](Learner::Setup& setup) {
      setup.regularization = options;
      setup.rank = rank;
    });
  }
};

TEST_F(Regularized, RowsOfTwoProcessesAreThoseOfOne) {
  const at::Tensor audio = testing::tones(4, 8000, 5);
  const RegularizationOptions options{.dropout = kAll};
  const at::Tensor one = step_gradient(*learner(space, options), {audio});
  const at::Tensor first = step_gradient(*learner(space, options, 0), {audio.narrow(0, 0, 2)});
  const at::Tensor second = step_gradient(*learner(space, options, 1), {audio.narrow(0, 2, 2)});
  EXPECT_TRUE(at::allclose(one, (first + second) / 2, 1e-3, 1e-5));
  EXPECT_FALSE(at::allclose(one, step_gradient(*learner(space, {}), {audio}), 1e-3, 1e-5));
}

TEST_F(Regularized, AccumulatedBatchesHaveTheirOwnDraws) {
  const at::Tensor audio = testing::tones(2, 8000, 5);
  const RegularizationOptions options{.dropout = {.hidden = 0.3}};
  const auto trained = learner(space, options);
  const at::Tensor once = step_gradient(*trained, {audio});
  const at::Tensor twice = step_gradient(*learner(space, options), {audio, audio});
  EXPECT_FALSE(at::allclose(twice, once * 2, 1e-3, 1e-5));
  EXPECT_TRUE(step_gradient(*learner(space, options), {audio}).equal(once));
}

TEST_F(Regularized, TheFeaturePenaltyAddsItsGradient) {
  constexpr double kWeight = 3;
  const SearchSpace wave = testing::tiny_wave_space();
  const at::Tensor audio = testing::tones(2, 8000, 5);
  const auto plain = learner(wave, {});
  const at::Tensor added = step_gradient(*learner(wave, {.feature_penalty = kWeight}), {audio}) -
                           step_gradient(*plain, {audio});

  Gradients expected(plain->parameters());
  const auto drawn = plain->sampler().draw(2);
  const Supernet student = plain->student("");
  for (const SampledSubnet& subnet : drawn) {
    auto slices = tensor_slices(student.blueprint(), student.storage(), subnet.architecture);
    const Leaves leaves(plain->parameters(), std::move(slices), at::kFloat);
    leaves.accumulate_into(expected, kWeight / static_cast<double>(drawn.size()));
    at::Tensor mean_square;
    features_of(make_subnet(student.blueprint(), subnet.architecture, leaves.tensors()),
                batch_of(audio).speech, false, &mean_square);
    mean_square.backward();
  }
  EXPECT_GT(expected.norm().item<double>(), 0);
  EXPECT_TRUE(at::allclose(added, expected.flat, 1e-2, 1e-5));
}

TEST_F(Regularized, APenaltyNeedsConvolutions) {
  PretrainOptions options = tiny_pretraining();
  options.train.regularization.feature_penalty = 10;
  EXPECT_THROW(pretrain_teacher(options, space, manifest, context("mel")), InputError);
}

TEST_F(Regularized, AStepIsTheSameAfterAResume) {
  PretrainOptions options = tiny_pretraining();
  options.train.regularization = {.dropout = kAll, .feature_penalty = 10};
  const SearchSpace wave = testing::tiny_wave_space();
  pretrain_teacher(options, wave, manifest, context("whole"));
  StageContext parts = context("parts");
  StopAt stop(7, StopReason::kTerminate);
  parts.observers = {&stop};
  parts.stop = stop.source.token();
  EXPECT_THROW(pretrain_teacher(options, wave, manifest, parts), Interrupted);
  parts.observers.clear();
  parts.stop = {};
  pretrain_teacher(options, wave, manifest, parts);
  EXPECT_EQ(sha256_file(folder.path / "whole/model.safetensors"),
            sha256_file(folder.path / "parts/model.safetensors"));
}

TEST_F(Regularized, ASupernetIsTrained) {
  const SearchSpace wave = testing::tiny_wave_space();
  const Supernet teacher = Supernet::random(testing::tiny_teacher(wave), Rng(1));
  DistillOptions options;
  options.train = tiny_training(6);
  options.train.regularization = {.dropout = kAll, .feature_penalty = 1};
  options.objective = layer_mean_options({.top = 2});
  options.sampler.kind = SamplerKind::kSandwich;
  options.sampler.in_place = true;
  const StageResult result =
      distill_stage(options, {2, wave, teacher, nullptr, manifest}, context("supernet"));
  EXPECT_TRUE(result.outcome.finished);
  EXPECT_EQ(result.outcome.state.skipped, 0);
}

}  // namespace
}  // namespace concertina
