#include "supernet/checkpoint/distiller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "supernet/checkpoint/match.h"
#include "supernet/space/slicing.h"

namespace concertina {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

ForeignModel model_of(const json& config) {
  return distiller_model(Settings::from_json(config.dump(), "d.ckpt"));
}
std::string error_of(const json& config) {
  try {
    model_of(config);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(Distiller, SettingsBecomeTheBlueprint) {
  const ForeignModel model =
      model_of({{"distiller", {{"encoder_layers", 2}, {"task_emb_type", "expand-last"}}}});
  EXPECT_EQ(model.kind, "DistilHuBERT");
  EXPECT_EQ(model.storage.shape.key(), "c=512 e=768 p=20000 L=0-1:12x3072");
  Blueprint expected;
  expected.wave.feature_norm = false;
  EXPECT_EQ(model.blueprint, expected);

  const ForeignModel other = model_of({{"distiller",
                                        {{"encoder_embed_dim", 32},
                                         {"encoder_attention_heads", 2},
                                         {"extractor_mode", "layer_norm"},
                                         {"layer_norm_first", true},
                                         {"extractor_conv_feature_layers", "[(32,10,5)]"}}}});
  expected.wave = {.layers = {{10, 5}}, .norm = ExtractorNorm::kLayer, .feature_norm = false};
  expected.norm_position = NormPosition::kPre;
  expected.head_dim = 16;
  expected.projection = false;  // equal widths
  EXPECT_EQ(other.blueprint, expected);
  EXPECT_EQ(other.storage.shape.depth(), 1);  // s3prl's default
}

TEST(Distiller, WhatTheForwardPassDoesNotKnowIsListed) {
  const std::string error = error_of({{"distiller",
                                       {{"encoder_layers", 0},
                                        {"attention_type", "sparse"},
                                        {"activation_fn", "relu"},
                                        {"task_emb_type", "concat"},
                                        {"extractor_conv_feature_layers", "f()"}}}});
  for (const char* part : {"d.ckpt", "encoder_layers: 0 is out of range", "'sparse'", "'relu'",
                           "'concat' makes the encoder's input", "'f()'"}) {
    EXPECT_THAT(error, HasSubstr(part));
  }
  EXPECT_THAT(error_of({{"teacher", {{"n_layers", 12}}}}), HasSubstr("without its settings"));
}

TEST(Distiller, HeadsAreIgnoredWithAReason) {
  const ForeignModel model = model_of({{"distiller", {{"encoder_layers", 2}}}});
  LayoutMap tensors;
  for (const TensorSlice& slice :
       tensor_slices(model.blueprint, model.storage, model.storage.shape)) {
    EXPECT_FALSE(slice.name.starts_with("layer_norm."));
    if (slice.name == "mask_emb") continue;
    tensors[slice.name] = {.sizes = slice.shape(), .strides = contiguous_strides(slice.shape())};
  }
  tensors["output_layer.0.weight"] = {};
  tensors["output_layer.2.bias"] = {};
  tensors["task_embedding.weight"] = {};
  const TensorPlan plan = match_tensors(model, tensors, "d.ckpt", uint64_t{1} << 40);
  EXPECT_EQ(plan.zeros, std::vector<std::string>{"mask_emb"});
  ASSERT_EQ(plan.ignored.size(), 3u);
  EXPECT_EQ(plan.ignored[0], std::pair(std::string("output_layer.0.weight"),
                                       std::string("prediction heads of distillation")));
}

}  // namespace
}  // namespace concertina
