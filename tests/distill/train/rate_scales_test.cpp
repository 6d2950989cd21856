#include "distill/train/rate_scales.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>

#include "core/errors.h"
#include "distill/objective/layer_mean.h"
#include "tests/distill/objective/parsed.h"
#include "tests/distill/training.h"

namespace concertina {
namespace {

using testing::tiny_training;
using testing::Training;

std::map<std::string, double> scales_of(const SearchSpace& space, const RateScales& scales) {
  const Supernet model = Supernet::random(space, Rng(1));
  const Storage& storage = model.storage();
  auto parameters =
      trainable(model.weights(), tensor_slices(space.blueprint(), storage, storage.shape));
  parameters.push_back({"objective.head.weight", at::zeros({2, 2}), true, 0.5});
  scale_rates(parameters, scales, space.blueprint(), storage.shape.depth());
  std::map<std::string, double> result;
  for (const Parameters::Init& each : parameters) result[each.name] = each.lr_scale;
  return result;
}

TEST(RateScales, FallByLayersFromTheLastOne) {
  auto scales = scales_of(testing::tiny_wave_space(),
                          {.front_end = 0.1, .layers = 2, .layer_decay = 0.5, .heads = 3});
  EXPECT_DOUBLE_EQ(scales.at("encoder.layers.1.fc1.weight"), 2);
  EXPECT_DOUBLE_EQ(scales.at("encoder.layers.0.self_attn.q_proj.bias"), 1);
  EXPECT_DOUBLE_EQ(scales.at("post_extract_proj.weight"), 0.5);
  EXPECT_DOUBLE_EQ(scales.at("encoder.layer_norm.weight"), 0.5);
  EXPECT_DOUBLE_EQ(scales.at("feature_extractor.conv_layers.0.0.weight"), 0.05);
  EXPECT_DOUBLE_EQ(scales.at("objective.head.weight"), 1.5);
  scales = scales_of(testing::tiny_whisper_space(), {.layer_decay = 0.5});
  EXPECT_DOUBLE_EQ(scales.at("encoder.layer_norm.weight"), 1);
  for (const auto& [name, scale] : scales_of(testing::tiny_space(), {})) {
    EXPECT_EQ(scale, name == "objective.head.weight" ? 0.5 : 1) << name;
  }
}

TEST(RateScales, OfMatricesAreNotThoseOfNormsAndBiases) {
  const auto scales = scales_of(testing::tiny_wave_space(), {.layers = 2, .matrices = 0});
  EXPECT_EQ(scales.at("encoder.layers.1.fc1.weight"), 0);
  EXPECT_EQ(scales.at("feature_extractor.conv_layers.0.0.weight"), 0);
  EXPECT_EQ(scales.at("encoder.layers.1.fc1.bias"), 2);
  EXPECT_EQ(scales.at("encoder.layers.1.final_layer_norm.weight"), 2);
  EXPECT_EQ(scales.at("objective.head.weight"), 0.5);
}

TEST_F(Training, AllPartsAreFrozen) {
  const Supernet teacher = Supernet::random(testing::tiny_teacher(space), Rng(1));
  DistillOptions options;
  options.train = tiny_training(3);
  options.train.optimizer.rate_scales.layers = 0;
  options.objective = testing::options_of("{kind: relations, map: last}");
  try {
    distill_stage(options, {2, space, teacher, nullptr, manifest}, context("all"));
    FAIL();
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), ::testing::StartsWith("optimizer.rate_scales: nothing is left"));
  }
}

// A frozen part stays as it was, and its gradient does not count for clipping.
TEST_F(Training, AFrozenPartIsNotTrained) {
  const SearchSpace wave = testing::tiny_wave_space();
  const Supernet teacher = Supernet::random(testing::tiny_teacher(wave), Rng(1));
  DistillOptions options;
  options.train = tiny_training(3);
  options.train.optimizer.rate_scales.front_end = 0;
  options.objective = layer_mean_options({.top = 2});
  options.sampler.kind = SamplerKind::kSandwich;
  const auto train = [&](const char* name) {
    return distill_stage(options, {2, wave, teacher, nullptr, manifest}, context(name));
  };
  const TensorMap trained = train("frozen").model.weights();
  for (const auto& [name, tensor] : trained) {
    if (is_of_front_end(name)) {
      EXPECT_TRUE(tensor.equal(teacher.weights().at(name))) << name;
    }
  }
  const std::string fc1 = "encoder.layers.0.fc1.weight";
  EXPECT_FALSE(trained.at(fc1).equal(teacher.weights().at(fc1)));
  options.train.optimizer.rate_scales = {.front_end = 1, .layers = 0};  // heads alone
  const TensorMap untrained = train("heads").model.weights();
  for (const auto& [name, tensor] : untrained) {
    EXPECT_TRUE(tensor.equal(teacher.weights().at(name))) << name;
  }
}

TEST(RateScales, FrozenParametersHaveNoGradient) {
  const Parameters parameters({{"a", at::ones({3}), false, 0}, {"b", at::ones({3})}});
  Gradients gradients(parameters);
  std::vector<TensorSlice> slices(2);
  slices[0].name = "a";
  slices[1].name = "b";
  for (TensorSlice& slice : slices) slice.dims = {{.size = 3, .indices = {}}};
  const Leaves leaves(parameters, slices, at::kFloat);
  int calls = 0;
  leaves.accumulate_into(gradients, 1, [&](const std::string&) { ++calls; });
  (leaves.tensors().at("a") * leaves.tensors().at("b") * 2).sum().backward();
  EXPECT_EQ(calls, 1);
  EXPECT_DOUBLE_EQ(gradients.norm().item<double>(), std::sqrt(12.0));
  EXPECT_TRUE(parameters.is_frozen("a"));
  EXPECT_FALSE(parameters.is_frozen("b"));
}

}  // namespace
}  // namespace concertina
