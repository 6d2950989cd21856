#include "supernet/space/tensor_table.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/space/spaces.h"

namespace concertina {
namespace {

std::vector<SearchSpace> spaces() {
  return {load_space("pocket.yaml"),
          load_space("lighthubert-small.yaml"),
          rich_space(),
          wave_space(),
          wavlm_space(),
          reuse_space(),
          joined_space(RateKind::kConv),
          joined_space(RateKind::kLinear),
          whisper_space()};
}

TEST(TensorTable, NamesRoundTrip) {
  for (const SearchSpace& space : spaces()) {
    std::set<std::string> ours, theirs;
    for (const TensorEntry& entry : tensor_table(space.blueprint(), space.storage().shape)) {
      const std::string name = tensor_name(entry.id);
      EXPECT_TRUE(ours.insert(name).second) << name;
      EXPECT_TRUE(theirs
                      .insert(tensor_name(entry.id, Naming::kTransformers,
                                          WeightNormNames::kParametrization))
                      .second)
          << name;
      const auto found = tensor_named(name);
      ASSERT_TRUE(found) << name;
      EXPECT_EQ(tensor_name(*found), name);
      EXPECT_EQ(found->part, entry.id.part) << name;
      EXPECT_EQ(found->index, entry.id.index) << name;
    }
  }
}

TEST(TensorTable, NamesOfThePackages) {
  const auto theirs = [](const char* name) {
    return tensor_name(*tensor_named(name), Naming::kTransformers,
                       WeightNormNames::kParametrization);
  };
  EXPECT_EQ(theirs("mask_emb"), "masked_spec_embed");
  EXPECT_EQ(theirs("layer_norm.bias"), "feature_projection.layer_norm.bias");
  EXPECT_EQ(theirs("feature_extractor.conv_layers.3.2.1.weight"),
            "feature_extractor.conv_layers.3.layer_norm.weight");
  EXPECT_EQ(theirs("encoder.pos_conv.0.weight_g"),
            "encoder.pos_conv_embed.conv.parametrizations.weight.original0");
  EXPECT_EQ(theirs("encoder.layers.11.fc1.weight"),
            "encoder.layers.11.feed_forward.intermediate_dense.weight");
  EXPECT_EQ(theirs("encoder.layers.2.self_attn_layer_norm.bias"),
            "encoder.layers.2.layer_norm.bias");
  EXPECT_EQ(theirs("encoder.layers.2.self_attn.grep_a"),
            "encoder.layers.2.attention.gru_rel_pos_const");
}

TEST(TensorTable, SomeModulesAreNotPerLayer) {
  EXPECT_EQ(tensor_name(TensorModule::kMelMean), "feature_extractor.mel.mean");
  EXPECT_EQ(tensor_name(TensorModule::kPositionalConv, TensorPart::kDirection),
            "encoder.pos_conv.0.weight_v");
  EXPECT_TRUE(is_of_front_end(tensor_named("layer_norm.weight")->module()));
  EXPECT_FALSE(is_of_front_end(tensor_named("encoder.layer_norm.weight")->module()));
  EXPECT_TRUE(is_of_attention(tensor_named("encoder.layers.0.self_attn.q_proj.bias")->module()));
  EXPECT_FALSE(
      is_of_attention(tensor_named("encoder.layers.0.self_attn_layer_norm.bias")->module()));
}

}  // namespace
}  // namespace concertina
