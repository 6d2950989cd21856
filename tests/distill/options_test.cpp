#include "distill/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/errors.h"
#include "core/files.h"
#include "distill/objective/layer_mean.h"
#include "distill/pretrain/options.h"
#include "distill/train/config_fingerprint.h"

namespace concertina {
namespace {

TEST(Options, AreReadFromYaml) {
  ConfigFile file = ConfigFile::parse(R"(
teacher:
  steps: 1500
  units: {features: mfcc, splice: 10, clusters: 100}
  mask: {probability: 0.4, length: 6}
  layers: [3]
  optimizer: {lr: 2e-3, warmup: 0.1}
  batch: {crops: 4, seconds: 2, sources: {festvox-ru: 2, asterisk: 1}}
  augment: {mixing: {probability: 0.2}}
  dtype: fp32
  checkpoint: {minutes: 1.5, keep: 4, best: false}
stage2:
  objective: {kind: layer_mean, top: 2, distance: mse, instance_norm: false}
  sampler: {kind: sandwich, random: 2, in_place: true}
)");
  const PretrainOptions teacher = PretrainOptions::from_config(file.root().section("teacher"));
  const DistillOptions stage2 = DistillOptions::from_config(file.root().section("stage2"), 2);
  file.finish();
  EXPECT_EQ(teacher.train.steps, 1500);
  EXPECT_EQ(teacher.units.clusters, 100);
  EXPECT_EQ(teacher.mask.length, 6);
  EXPECT_EQ(teacher.train.batch.source_weight.at("festvox-ru"), 2);
  EXPECT_EQ(teacher.train.augment.mixing.probability, 0.2);
  EXPECT_FALSE(stage2.train.augment.any());
  EXPECT_EQ(teacher.train.dtype, Precision::kFp32);
  EXPECT_EQ(teacher.train.checkpoint.minutes, 1.5);
  EXPECT_EQ(teacher.train.checkpoint.keep, 4);
  EXPECT_FALSE(teacher.train.checkpoint.best);
  EXPECT_EQ(stage2.objective, layer_mean_options({2, Distance::kMse, false}));
  EXPECT_EQ(stage2.init, StudentInit::kPreviousStage);
  EXPECT_TRUE(stage2.sampler.in_place);
  EXPECT_EQ(stage2.sampler.random, 2);
}

TEST(Options, WhatAnEarlierVersionLackedHasItsDefault) {
  const auto completed = [](const std::string& json) {
    return distill_table(2).completed_json(json, distill_defaults(2));
  };
  DistillOptions options = distill_defaults(2);
  options.objective = ObjectiveOptions(
      R"({"kind":"sum","of":[{"kind":"layer_pairs","head":"gelu"},{"kind":"layer_mean","top":3}]})");
  options.train.init_from = "first";  // named by its weights: not in the fingerprint
  options.init = StudentInit::kFolder;
  ConfigFile file = ConfigFile::parse(
      "{objective: {kind: sum, of: [{kind: layer_pairs, head: gelu}, {kind: layer_mean, top: "
      "3}]}}");
  distill_table(2).read(file.root(), options);
  const std::string all = to_json(options);
  auto earlier = nlohmann::ordered_json::parse(all);
  earlier.erase("sampler");
  earlier["optimizer"].erase("warmup");
  earlier["objective"]["of"][0].erase("embeddings");
  const std::string now = completed(earlier.dump());
  EXPECT_EQ(nlohmann::json::parse(now), nlohmann::json::parse(all));
  EXPECT_EQ(completed(all), all);
  earlier["objective"]["of"][0].erase("head");  // gelu is not the default
  const auto other = nlohmann::json::parse(completed(earlier.dump()));
  EXPECT_EQ(other.at("objective").at("of").at(0).at("head"), "linear");
  earlier["optimizer"]["lr"] = "fast";  // no longer valid: as it is
  EXPECT_EQ(nlohmann::json::parse(completed(earlier.dump())).at("optimizer").at("lr"), "fast");
  EXPECT_EQ(completed("[]"), "[]");
}

TEST(Options, ExplicitKeysOverridePresets) {
  ConfigFile file = ConfigFile::parse(
      "stage2: {preset: lighthubert, objective: {top: 6}, optimizer: {lr: 1e-4}, sampler: "
      "{progressive: 0.2}}\nstage1: {preset: lighthubert}\n");
  const DistillOptions stage1 = DistillOptions::from_config(file.root().section("stage1"), 1);
  const DistillOptions stage2 = DistillOptions::from_config(file.root().section("stage2"), 2);
  file.finish();
  EXPECT_EQ(stage1.sampler.kind, SamplerKind::kLargest);
  EXPECT_EQ(stage1.objective, layer_mean_options({.top = 8}));
  EXPECT_EQ(stage1.train.optimizer.lr, 5e-4);
  EXPECT_EQ(stage2.sampler.kind, SamplerKind::kRandom);
  EXPECT_EQ(stage2.sampler.progressive, 0.2);
  EXPECT_EQ(stage2.objective, layer_mean_options({.top = 6}));
  EXPECT_EQ(stage2.mask.probability, 0.65);
  EXPECT_EQ(stage2.train.optimizer.lr, 1e-4);
  EXPECT_EQ(stage2.train.optimizer.warmup, 0.03);
}

TEST(Options, ReportEveryProblem) {
  ConfigFile file = ConfigFile::parse(
      "stage1: {steps: 0, init: previous, stpes: 3, objective: {distance: l3}, sampler: {in_place: "
      "true}}\n");
  DistillOptions::from_config(file.root().section("stage1"), 1);
  try {
    file.finish();
    FAIL() << "expected an InputError";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(),
                ::testing::AllOf(::testing::HasSubstr("steps"), ::testing::HasSubstr("stpes"),
                                 ::testing::HasSubstr("init"), ::testing::HasSubstr("distance"),
                                 ::testing::HasSubstr("in_place")));
  }
}

std::string fingerprint_of(const std::string& stage, const std::string& yaml) {
  ConfigFile file = ConfigFile::parse(yaml);
  const std::string json =
      stage == "teacher"
          ? to_json(PretrainOptions::from_config(file.root()))
          : to_json(DistillOptions::from_config(file.root(), stage == "stage1" ? 1 : 2));
  file.finish();
  return json;
}

TEST(ConfigFingerprint, HasTheBytesOfTheVersionBefore) {
  std::istringstream lines(
      read_text(std::filesystem::path(CONCERTINA_SOURCE_DIR) / "tests/distill/options_golden.txt"));
  int64_t checked = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream fields(line);
    std::string stage, yaml, json;
    std::getline(std::getline(std::getline(fields, stage, '\t'), yaml, '\t'), json);
    EXPECT_EQ(fingerprint_of(stage, yaml), json) << stage << " " << yaml;
    ++checked;
  }
  EXPECT_GT(checked, 30);
}

TEST(ConfigFingerprint, IsYamlWithoutTimeLimits) {
  PretrainOptions options;
  options.train.max_minutes = 3;
  const std::string json = to_json(options);
  options.train.max_minutes = 0;
  EXPECT_EQ(json, to_json(options));
  EXPECT_THAT(yaml_of(json), ::testing::HasSubstr("units:\n  features: \"mfcc\"\n"));
}

TEST(ConfigFingerprint, ContainsAConfiguredAugmentation) {
  PretrainOptions options;
  const std::string plain = to_json(options);
  options.train.augment.noise_clips = "noise.tsv";  // its content counts, not its path
  EXPECT_EQ(to_json(options), plain);
  EXPECT_THAT(plain, ::testing::Not(::testing::HasSubstr("augment")));
  options.train.augment.mixing.probability = 0.2;
  EXPECT_THAT(yaml_of(to_json(options)),
              ::testing::HasSubstr("augment:\n  mixing:\n    probability: 0.2\n"));
  EXPECT_TRUE(noise_input(make_augmentation({})).empty());
}

TEST(ConfigFingerprint, ContainsAnAverageThatIsOn) {
  DistillOptions options;
  const std::string plain = to_json(options);
  EXPECT_THAT(plain, ::testing::Not(::testing::HasSubstr("ema")));
  options.train.ema.decay = 0.999;
  EXPECT_THAT(to_json(options), ::testing::HasSubstr(R"("ema":{"decay":0.999,"save":"weights"})"));
  ConfigFile file = ConfigFile::parse("stage1: {ema: {save: ema}}\n");
  DistillOptions::from_config(file.root().section("stage1"), 1);
  EXPECT_THROW(file.finish(), InputError);
}

TEST(ConfigFingerprint, ContainsRateScalesThatAreNotOne) {
  DistillOptions options;
  EXPECT_THAT(to_json(options), ::testing::Not(::testing::HasSubstr("rate_scales")));
  options.train.optimizer.rate_scales.heads = 2;
  EXPECT_THAT(to_json(options), ::testing::HasSubstr(R"("rate_scales":{"front_end":1.0)"));
}

TEST(ConfigFingerprint, ContainsRegularisationThatIsOn) {
  DistillOptions options;
  EXPECT_THAT(to_json(options), ::testing::Not(::testing::HasSubstr("regularization")));
  options.train.regularization.dropout.layer = 0.05;
  EXPECT_THAT(to_json(options), ::testing::HasSubstr(R"("regularization":{"dropout":0.0)"));
}

TEST(Options, RejectBetasThatAreTooLarge) {
  ConfigFile file = ConfigFile::parse("stage1: {optimizer: {beta2: 0.9999}}\n");
  DistillOptions::from_config(file.root().section("stage1"), 1);
  EXPECT_THROW(file.finish(), InputError);
}

TEST(Options, AWarmStartReplacesInit) {
  ConfigFile one = ConfigFile::parse("stage1: {init_from: runs/a/stage1}\n");
  EXPECT_EQ(DistillOptions::from_config(one.root().section("stage1"), 1).init,
            StudentInit::kFolder);
  ConfigFile both = ConfigFile::parse("stage1: {init: random, init_from: runs/a/stage1}\n");
  DistillOptions::from_config(both.root().section("stage1"), 1);
  EXPECT_THROW(both.finish(), InputError);
}

}  // namespace
}  // namespace concertina
