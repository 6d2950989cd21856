#include "eval/attack.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/eval/toy_corpus.h"
#include "tests/model/models.h"

namespace concertina {
namespace {

std::vector<float> noise_clip(size_t samples, uint64_t seed = 1) {
  Rng rng(seed);
  std::vector<float> clip;
  for (size_t i = 0; i < samples; ++i) clip.push_back(static_cast<float>(0.1 * rng.normal()));
  return clip;
}

double norm_of(const std::vector<float>& a, const std::vector<float>& b = {}) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = b.empty() ? a[i] : a[i] - b[i];
    sum += difference * difference;
  }
  return std::sqrt(sum);
}

double deviation(const Subnet& subnet, const Perturbation& noise, const std::vector<float>& clip) {
  PerturbedFeatures perturbed(subnet_features(subnet), noise);
  perturbed.extractor()({clip});
  return perturbed.deviation_rate();
}

Supernet model_of(const Blueprint& blueprint) {
  return testing::perturbed(testing::small_space(blueprint), 1);
}

TEST(Attack, NoiseHasTheNormThatIsAskedForAndIsTheSameEachTime) {
  const Supernet model = model_of(testing::mel_blueprint());
  const AttackOptions options{.noise_to_signal = 0.02, .steps = 3, .seed = 4};
  const std::vector<float> clip = noise_clip(12000);
  for (const Perturbation& noise :
       {bim_attack(model.slice(model.space().smallest()), options), gaussian_noise(options)}) {
    const std::vector<float> noisy = noise(clip);
    ASSERT_EQ(noisy.size(), clip.size());
    EXPECT_NEAR(norm_of(noisy, clip) / norm_of(clip), 0.02, 1e-5);
    EXPECT_EQ(noise(clip), noisy);
    const std::vector<float> silence(9000, 0.0F);
    EXPECT_EQ(noise(silence), silence);
  }
  AttackOptions other = options;
  other.seed = 5;
  EXPECT_NE(gaussian_noise(other)(clip), gaussian_noise(options)(clip));
}

// The gradient reaches the waveform through every kind of front end: noise along it moves the
// features much further than noise that is as loud, and more steps further still.
TEST(Attack, MovesFeaturesFurtherThanGaussianNoise) {
  const std::vector<Blueprint> blueprints = {
      testing::mel_blueprint(), testing::wave_blueprint(ExtractorNorm::kGroup, NormPosition::kPost),
      testing::wave_blueprint(ExtractorNorm::kLayer, NormPosition::kPre),
      testing::whisper_blueprint()};
  for (const Blueprint& blueprint : blueprints) {
    const Supernet model = model_of(blueprint);
    const Subnet subnet = model.slice(model.space().largest());
    AttackOptions options{.noise_to_signal = 0.02, .steps = 6};
    const std::vector<float> clip = noise_clip(10000);
    const double attacked = deviation(subnet, bim_attack(subnet, options), clip);
    const double gaussian = deviation(subnet, gaussian_noise(options), clip);
    options.steps = 1;
    const double single = deviation(subnet, bim_attack(subnet, options), clip);
    EXPECT_GT(gaussian, 0);
    EXPECT_GT(attacked, 1.5 * gaussian) << static_cast<int>(blueprint.front_end);
    EXPECT_GT(attacked, single) << static_cast<int>(blueprint.front_end);
  }
}

TEST(Attack, ClipsBeyondTheModelsPositionsAreAttackedInParts) {
  const Supernet model = model_of(testing::whisper_blueprint());  // 60 positions: 1.2 s
  const Subnet subnet = model.slice(model.space().smallest());
  const AttackOptions options{.noise_to_signal = 0.05, .steps = 2};
  const std::vector<float> clip = noise_clip(16000 * 3 + 50);
  const std::vector<float> noisy = bim_attack(subnet, options)(clip);
  EXPECT_NEAR(norm_of(noisy, clip) / norm_of(clip), 0.05, 1e-5);
  for (size_t begin = 0; begin < 48000; begin += 16000) {
    double moved = 0;
    for (size_t i = begin; i < begin + 16000; ++i) moved += std::abs(noisy[i] - clip[i]);
    EXPECT_GT(moved, 0) << begin;
  }
}

TEST(Attack, WhatIsRememberedIsMadeOnce) {
  int32_t made = 0;
  const Perturbation twice = remembered([&](const std::vector<float>& clip) {
    ++made;
    std::vector<float> louder = clip;
    for (float& sample : louder) sample *= 2;
    return louder;
  });
  const std::vector<float> a = noise_clip(100, 1), b = noise_clip(100, 2);
  EXPECT_EQ(twice(a), twice(a));
  EXPECT_EQ(made, 1);
  EXPECT_NE(twice(b), twice(a));
  EXPECT_EQ(made, 2);
}

// Clips of train stay clean: with no noise the scores are those of clean clips, with much of it the
// probes fail on clips that they knew.
TEST(Attack, OnlyScoredClipsHaveNoise) {
  const testing::ToyCorpus corpus("attack");
  TaskOptions options;
  options.tasks = {"pr"};
  options.pr_every = 1;
  const PreparedTasks tasks(corpus.manifest(), options, Split::kTest);
  const FeatureExtractor features = mfcc_baseline_features();
  const auto scores_under = [&](const Perturbation& noise) {
    PerturbedFeatures perturbed(features, noise);
    const auto scores = tasks.score(features, perturbed.extractor(), Intervals::kNone, {});
    return std::pair(scores.front().value, perturbed.deviation_rate());
  };
  const double clean = tasks.score(features, Intervals::kNone, {}).front().value;
  const auto [same, unmoved] = scores_under([](const std::vector<float>& clip) { return clip; });
  EXPECT_EQ(same, clean);
  EXPECT_EQ(unmoved, 0);
  const auto [under_noise, moved] = scores_under(gaussian_noise({.noise_to_signal = 5}));
  EXPECT_LT(under_noise, clean - 10);
  EXPECT_GT(moved, 0.1);
}

}  // namespace
}  // namespace concertina
