// Masked unit prediction in the stages of distillation, alone and in a sum with regression.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/errors.h"
#include "distill/objective/masked_units.h"
#include "distill/objective/objective_file.h"
#include "supernet/model/safetensors.h"
#include "tests/distill/training.h"

namespace concertina {
namespace {

using ::testing::HasSubstr;

ConfigFile stage_file(const std::string& number, const std::string& keys) {
  return ConfigFile::parse("stage" + number + ": {steps: 6, batch: {crops: 3, seconds: 0.5}, " +
                           "validate_every: 3, validation_crops: 3, " + keys + "}\n");
}

DistillOptions stage_options(const std::string& number, const std::string& keys) {
  ConfigFile file = stage_file(number, keys);
  const int32_t stage = number == "1" ? 1 : 2;
  const DistillOptions options =
      DistillOptions::from_config(file.root().section("stage" + number), stage);
  file.finish();
  return options;
}

std::string problems_of(const std::string& keys) {
  ConfigFile file = stage_file("2", keys);
  DistillOptions::from_config(file.root().section("stage2"), 2);
  try {
    file.finish();
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

const std::string kUnits =
    "units: {features: teacher, layer: 1, clusters: 6, sample_frames: 300}, "
    "mask: {probability: 0.4, length: 3}, ";
const std::string kMaskedUnits = "{kind: masked_units, layers: [1], codeword_dim: 4}";

class StagesWithUnits : public testing::Training {
 protected:
  at::Tensor labels(const std::string& stage) {
    const SafetensorsFile file =
        read_safetensors(folder.path / stage / "units.safetensors", Reading::kCopied);
    return file.tensors.at("labels.validation").clone();
  }
  Supernet teacher = Supernet::random(testing::tiny_teacher(space), Rng(1));
};

TEST_F(StagesWithUnits, BothStagesPredictTheSameUnitsAndValidateOnThem) {
  const auto run = [&](const std::string& number, const ModelWithHeads* previous) {
    testing::Recorder recorder;
    StageContext where = context("stage" + number);
    where.observers = {&recorder};
    const StageResult result =
        distill_stage(stage_options(number, kUnits + "objective: " + kMaskedUnits),
                      {number == "1" ? 1 : 2, space, teacher, previous, manifest}, where);
    EXPECT_TRUE(std::isfinite(result.outcome.validation.sizes[0].second.total));
    EXPECT_EQ(recorder.steps.size(), 6U);
    return result.model;
  };
  run("1", nullptr);
  const ModelWithHeads first = load_model_with_heads(folder.path / "stage1");
  run("2", &first);
  EXPECT_TRUE(labels("stage1").equal(labels("stage2")));  // so heads of stage 1 fit in stage 2
  const TrainedObjective saved = load_objective(folder.path / "stage2/objective.safetensors");
  EXPECT_TRUE(saved.heads.contains("objective.codewords.1"));
  EXPECT_THAT(saved.objective->to_json(), HasSubstr("\"clusters\":6"));
}

TEST_F(StagesWithUnits, ASumWithRegressionRunsTheTeacherOnCleanAudio) {
  const std::string sum =
      "objective: {kind: sum, of: [" + kMaskedUnits + ", {kind: layer_mean, top: 1}]}, ";
  const auto loss = [&](const char* name, const std::string& keys) {
    return distill_stage(stage_options("1", kUnits + sum + keys),
                         {1, space, teacher, nullptr, manifest}, context(name))
        .outcome.validation.sizes[0]
        .second;
  };
  const LossValues live = loss("live", "augment: {mixing: {probability: 0.5}}");
  const LossValues cached = loss("cached",
                                 "augment: {mixing: {probability: 0.5}}, "
                                 "cache: {dtype: fp16}");
  std::vector<std::string> terms;
  for (const auto& [name, value] : live.terms) terms.push_back(name);
  EXPECT_THAT(terms, ::testing::IsSupersetOf({"0.masked", "0.accuracy"}));
  EXPECT_NEAR(live.total, cached.total, 0.05 * live.total);  // targets of clean audio in both
}

TEST(StageUnits, OptionsThatDoNotFitAreNamed) {
  const std::string objective = "objective: " + kMaskedUnits;
  EXPECT_EQ(problems_of(kUnits + objective), "");
  EXPECT_THAT(problems_of("mask: {probability: 0.4}, " + objective),
              HasSubstr("stage2.units: is missing"));
  EXPECT_THAT(problems_of(kUnits + "init: teacher"),
              HasSubstr("units: expected an objective that predicts units"));
  EXPECT_THAT(problems_of("units: {features: mfcc}, " + objective),
              HasSubstr("mask.probability: expected a number above 0"));
  EXPECT_THAT(problems_of(kUnits + "sampler: {in_place: true}, " + objective),
              HasSubstr("sampler.in_place: expected an objective with rows"));
  EXPECT_THAT(problems_of("units: {features: teacher}, mask: {probability: 0.4}, " + objective),
              HasSubstr("units.layer: expected a layer"));
  ConfigFile file = ConfigFile::parse("units: {features: teacher, layer: 1}\n");
  PretrainOptions::from_config(file.root());
  EXPECT_THROW(file.finish(), InputError);  // pretraining has no teacher
}

TEST(StageUnits, LayersFollowTheArchitecture) {
  MaskedUnitsSpec spec{.layers = {2, 4}, .depth = 12, .clusters = 3, .model_dim = 8};
  const Architecture half = Architecture::parse("e=8 p=20000 L=0-1:1x8,4-5:1x8,10-11:1x8");
  const auto layers = [&](LayerPosition position) {
    spec.position = position;
    return MaskedUnitsObjective(spec).student_wants(half).hidden;
  };
  using Layers = std::vector<int32_t>;
  EXPECT_EQ(layers(LayerPosition::kIndex), (Layers{2, 6}));  // layer 4 is not kept
  EXPECT_EQ(layers(LayerPosition::kRank), (Layers{2, 4, 6}));
  EXPECT_EQ(layers(LayerPosition::kRelative), (Layers{1, 2, 6}));  // ILS-SSL's third of the depth
}

}  // namespace
}  // namespace concertina
