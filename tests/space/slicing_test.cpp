#include "supernet/space/slicing.h"
#include "supernet/space/resolve.h"

#include <gmock/gmock.h>

#include <map>
#include <numeric>

#include "core/errors.h"
#include "tests/space/spaces.h"

namespace concertina {
namespace {

using Slices = std::map<std::string, TensorSlice>;

Slices slices_of(const SearchSpace& space, const Architecture& net) {
  Slices slices;
  for (TensorSlice& slice : tensor_slices(space.blueprint(), space.storage(), net)) {
    std::string name = slice.name;
    EXPECT_TRUE(slices.emplace(name, std::move(slice)).second) << name;
  }
  return slices;
}

std::vector<int64_t> shape(const Slices& slices, const std::string& name) {
  std::vector<int64_t> sizes;
  for (const DimSlice& dim : slices.at(name).dims) sizes.push_back(dim.size);
  return sizes;
}

TEST(InterleavedRows, TakeTheStartOfEveryBlock) {
  const std::vector<int64_t> rows = interleaved_ffn_rows(768, 384, 1344);
  ASSERT_EQ(rows.size(), 1344U);
  std::vector<int64_t> expected;
  for (auto [first, last] : {std::pair{0, 384}, {768, 1152}, {1536, 1920}, {2304, 2496}}) {
    for (int64_t i = first; i < last; ++i) expected.push_back(i);
  }
  EXPECT_EQ(rows, expected);
  std::vector<int64_t> prefix(2688);
  std::iota(prefix.begin(), prefix.end(), 0);
  EXPECT_EQ(interleaved_ffn_rows(768, 768, 2688), prefix);
}

TEST(TensorSlices, StorageIsTheFairseqModel) {
  const SearchSpace space = load_space("lighthubert-base.yaml");
  const Slices slices = slices_of(space, space.storage().shape);
  EXPECT_EQ(slices.size(), 223U);  // LightHuBERT's 224 without the prediction head
  EXPECT_EQ(shape(slices, "feature_extractor.conv_layers.0.0.weight"),
            (std::vector<int64_t>{512, 1, 10}));
  EXPECT_EQ(shape(slices, "feature_extractor.conv_layers.6.2.1.bias"), (std::vector<int64_t>{512}));
  EXPECT_EQ(shape(slices, "encoder.pos_conv.0.weight_v"), (std::vector<int64_t>{768, 48, 128}));
  EXPECT_EQ(shape(slices, "encoder.pos_conv.0.weight_g"), (std::vector<int64_t>{1, 1, 128}));
  EXPECT_EQ(shape(slices, "encoder.layers.11.fc2.weight"), (std::vector<int64_t>{768, 3072}));
  for (const auto& [name, slice] : slices) {
    EXPECT_EQ(slice.kind, SliceKind::kPlain) << name;
    for (const DimSlice& dim : slice.dims) EXPECT_TRUE(dim.indices.empty()) << name;
    const bool matrix = slice.dims.size() > 1 && name != "encoder.pos_conv.0.weight_g";
    EXPECT_EQ(slice.decay, matrix) << name;
    EXPECT_EQ(slice.low_precision, matrix) << name;
  }
}

TEST(TensorSlices, LightHubertRule) {
  const SearchSpace space = load_space("lighthubert-small.yaml");
  const Architecture net =
      resolve_architecture(space, "c=512 e=384 p=20000 L=0-6:6x1344,8-10:4x1536");
  const Slices slices = slices_of(space, net);
  EXPECT_FALSE(slices.contains("encoder.layers.7.fc1.weight"));
  EXPECT_EQ(shape(slices, "encoder.layers.8.self_attn.q_proj.weight"),
            (std::vector<int64_t>{256, 384}));
  EXPECT_EQ(shape(slices, "encoder.layers.8.self_attn.out_proj.weight"),
            (std::vector<int64_t>{384, 256}));
  EXPECT_EQ(slices.at("encoder.layers.0.fc1.weight").dims[0].indices,
            interleaved_ffn_rows(768, 384, 1344));
  EXPECT_EQ(slices.at("encoder.layers.0.fc1.bias").dims[0].indices,
            interleaved_ffn_rows(768, 384, 1344));
  EXPECT_EQ(slices.at("encoder.layers.0.fc2.weight").dims[1].indices,
            interleaved_ffn_rows(768, 384, 1344));
  EXPECT_EQ(slices.at("encoder.pos_conv.0.weight_v").kind, SliceKind::kBakedWeightNorm);
  EXPECT_EQ(shape(slices, "encoder.pos_conv.0.weight_v"), (std::vector<int64_t>{384, 24, 128}));
}

TEST(TensorSlices, PocketHasMelStatisticsAndARateUnit) {
  const SearchSpace space = load_space("pocket.yaml");
  const Slices stored = slices_of(space, space.storage().shape);
  EXPECT_TRUE(stored.contains("rate.conv.weight"));
  EXPECT_FALSE(stored.contains("layer_norm.weight"));
  EXPECT_FALSE(stored.at("feature_extractor.mel.std").trained);
  EXPECT_TRUE(stored.at("mask_emb").trained);
  EXPECT_EQ(shape(stored, "encoder.pos_conv.0.weight"), (std::vector<int64_t>{256, 16, 31}));
  EXPECT_FALSE(slices_of(space, space.largest()).contains("rate.conv.weight"));
  const Slices smallest = slices_of(space, space.smallest());
  EXPECT_EQ(shape(smallest, "rate.proj.weight"), (std::vector<int64_t>{1, 160}));
  EXPECT_EQ(shape(smallest, "encoder.layers.3.fc1.weight"), (std::vector<int64_t>{192, 96}));
  EXPECT_TRUE(smallest.at("encoder.layers.3.fc1.weight").dims[0].indices.empty());
}

TEST(TensorSlices, AnAbsentHalfTakesItsNormAlong) {
  const SearchSpace space = load_space("pocket.yaml");
  const Slices slices = slices_of(space, Architecture::parse("e=96 p=20000 L=0:0x96,1:2x0"));
  EXPECT_FALSE(slices.contains("encoder.layers.0.self_attn_layer_norm.weight"));
  EXPECT_FALSE(slices.contains("encoder.layers.0.self_attn.q_proj.weight"));
  EXPECT_TRUE(slices.contains("encoder.layers.0.final_layer_norm.weight"));
  EXPECT_FALSE(slices.contains("encoder.layers.1.final_layer_norm.weight"));
  EXPECT_TRUE(slices.contains("encoder.layers.1.self_attn_layer_norm.weight"));
}

TEST(TensorSlices, EverySliceLiesInsideTheStorage) {
  Rng rng(5);
  for (const SearchSpace& space :
       {load_space("pocket.yaml"), load_space("lighthubert-base.yaml"),
        load_space("lighthubert-small.yaml"), rich_space(), wave_space(), wavlm_space(),
        reuse_space(), joined_space(RateKind::kConv), joined_space(RateKind::kLinear)}) {
    const Slices stored = slices_of(space, space.storage().shape);
    for (int32_t i = 0; i < 20; ++i) {
      for (const auto& [name, slice] : slices_of(space, space.sample(rng))) {
        const std::vector<int64_t> limits = shape(stored, name);
        ASSERT_EQ(limits.size(), slice.dims.size()) << name;
        for (size_t d = 0; d < limits.size(); ++d) {
          const DimSlice& dim = slice.dims[d];
          EXPECT_LE(dim.indices.empty() ? dim.size : dim.indices.back() + 1, limits[d]) << name;
          EXPECT_TRUE(dim.indices.empty() || std::ssize(dim.indices) == dim.size);
        }
      }
    }
  }
}

TEST(TensorSlices, WavLmSharesOneTableAndGatesEachLayer) {
  const SearchSpace space = wavlm_space();
  const std::string table = "encoder.layers.0.self_attn.relative_attention_bias.weight";
  const Slices stored = slices_of(space, space.storage().shape);
  EXPECT_EQ(shape(stored, table), (std::vector<int64_t>{320, 2}));
  EXPECT_EQ(shape(stored, "encoder.layers.3.self_attn.grep_linear.weight"),
            (std::vector<int64_t>{8, 64}));
  EXPECT_EQ(shape(stored, "encoder.layers.3.self_attn.grep_a"), (std::vector<int64_t>{1, 2, 1, 1}));
  const Slices narrow =
      slices_of(space, Architecture::parse("c=64 e=128 p=20000 L=2:0x256,3:1x256"));
  EXPECT_EQ(shape(narrow, table), (std::vector<int64_t>{320, 1})) << "kept when layer 0 is not";
  EXPECT_FALSE(narrow.contains("encoder.layers.2.self_attn.grep_a"));
  const Slices none = slices_of(space, Architecture::parse("c=64 e=128 p=20000 L=2:0x256"));
  EXPECT_FALSE(none.contains(table));
}

TEST(TensorSlices, AReusingLayerHasNoQueriesAndKeys) {
  const SearchSpace space = reuse_space();
  const Slices slices = slices_of(space, space.largest());
  EXPECT_TRUE(slices.contains("encoder.layers.0.self_attn.q_proj.weight"));
  for (const char* part : {"q_proj.weight", "q_proj.bias", "k_proj.weight", "k_proj.bias"}) {
    EXPECT_FALSE(slices.contains(std::string("encoder.layers.1.self_attn.") + part)) << part;
  }
  EXPECT_TRUE(slices.contains("encoder.layers.1.self_attn.v_proj.weight"));
}

TEST(TensorSlices, JoinedFramesKeepTheStartOfEachFrame) {
  const SearchSpace space = joined_space(RateKind::kLinear);
  const Slices slices = slices_of(space, Architecture::parse("c=64 e=128 p=40000 L=0-1:1x256"));
  EXPECT_EQ(slices.at("rate.linear.weight").dims[1].indices, interleaved_ffn_rows(256, 128, 256));
  EXPECT_EQ(
      shape(slices_of(joined_space(RateKind::kConv), joined_space(RateKind::kConv).smallest()),
            "rate.conv.weight"),
      (std::vector<int64_t>{128, 128, 2}));
}

// Cutting twice under LightHuBERT's rule gives what cutting once gives.
TEST(TensorSlices, LightHubertCutsCompose) {
  const std::vector<int64_t> outer = interleaved_ffn_rows(768, 512, 2048);
  const std::vector<int64_t> inner = interleaved_ffn_rows(512, 256, 896);
  std::vector<int64_t> composed;
  for (int64_t row : inner) composed.push_back(outer[static_cast<size_t>(row)]);
  EXPECT_EQ(composed, interleaved_ffn_rows(768, 256, 896));
}

TEST(TensorSlices, RefusesWhatTheStorageLacks) {
  const SearchSpace space = load_space("lighthubert-small.yaml");
  const auto refuse = [&](const char* key, const char* part) {
    try {
      tensor_slices(space.blueprint(), space.storage(), Architecture::parse(key));
      ADD_FAILURE() << key;
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(part));
    }
  };
  refuse("c=512 e=1024 p=20000 L=0:4x512", "e=1024");
  refuse("c=512 e=100 p=20000 L=0:4x512", "multiple of 16");
  refuse("c=600 e=256 p=20000 L=0:4x512", "c=600");
  refuse("c=512 e=256 p=40000 L=0:4x512", "p=40000");
  refuse("c=512 e=256 p=20000 L=12:4x512", "layer 12");
  refuse("c=512 e=256 p=20000 L=0:13x512", "13 heads in layer 0");
  refuse("c=512 e=256 p=20000 L=0:4x1025", "FFN width 1025");  // more than four blocks of 256
  refuse("e=256 p=20000 L=0:4x512", "conv channels");
}

TEST(TensorSlices, RefusesWhatTiedPartsForbid) {
  const auto refuse = [](const Blueprint& blueprint, const char* key, const char* part) {
    const Architecture net = Architecture::parse(key);
    try {
      tensor_slices(blueprint, {net, SlicingRule::kPrefix}, net);
      ADD_FAILURE() << key;
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(part));
    }
  };
  Blueprint wavlm, reuse, direct, joined;
  wavlm.relative_position.buckets = 320;
  reuse.attention_reuse = {1};
  direct.projection = false;
  joined.rate = RateKind::kConv;
  refuse(wavlm, "c=512 e=128 p=20000 L=0:3x512", "64 channels a head");
  refuse(reuse, "c=512 e=128 p=20000 L=1:2x512", "no kept layer before it");
  refuse(reuse, "c=512 e=128 p=20000 L=0:0x512,1:2x512", "no kept layer before it");
  refuse(reuse, "c=512 e=128 p=20000 L=0:1x512,1:2x512", "of layer 0, has 1");
  refuse(reuse, "c=512 e=128 p=20000 L=0:2x512w16,1:2x512", "of layer 0, has 16");
  refuse(direct, "c=512 e=128 p=20000 L=0:2x512", "front end's width, 512");
  refuse(joined, "c=512 e=128 p=30000 L=0:2x512", "a multiple of 20000");
}

TEST(TensorSlices, AConvJoinsAsManyFramesAsItWasTrainedFor) {
  const SearchSpace space = joined_space(RateKind::kConv);
  EXPECT_THROW(resolve_architecture(space, "c=64 e=128 p=60000 L=0:1x256", Accept::kSliceable),
               InputError);
  const SearchSpace average = joined_space(RateKind::kAverage);
  EXPECT_NO_THROW(
      resolve_architecture(average, "c=64 e=128 p=60000 L=0:1x256", Accept::kSliceable));
}

}  // namespace
}  // namespace concertina
