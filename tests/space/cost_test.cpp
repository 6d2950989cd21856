#include "supernet/space/cost.h"

#include <gtest/gtest.h>

#include "core/errors.h"
#include "supernet/space/resolve.h"
#include "supernet/space/slicing.h"
#include "supernet/space/work.h"
#include "tests/space/spaces.h"

namespace concertina {
namespace {

struct NamedSubnet {
  const char* space;
  const char* name;
  int64_t layer_norm_params;
  int64_t group_norm_params;
  double gmacs[3];  // 1 s, 10 s, 20 s
};

// The named subnets of LightHuBERT and the closed forms' values for them.
const NamedSubnet kNamed[] = {
    {"lighthubert-base.yaml", "smallest", 41'249'536, 41'243'392, {4.29, 46.04, 98.27}},
    {"lighthubert-base.yaml", "default", 66'897'664, 66'891'520, {5.55, 59.59, 126.94}},
    {"lighthubert-base.yaml", "largest", 94'377'728, 94'371'584, {6.91, 74.06, 157.43}},
    {"lighthubert-small.yaml", "smallest", 11'449'088, 11'442'944, {2.82, 29.41, 61.39}},
    {"lighthubert-small.yaml", "default", 26'879'744, 26'873'600, {3.58, 38.12, 80.87}},
    {"lighthubert-small.yaml", "largest", 44'398'336, 44'392'192, {4.44, 47.61, 101.41}},
};

TEST(Cost, ReproducesLightHubertsTables) {
  for (const NamedSubnet& named : kNamed) {
    const SearchSpace space = load_space(named.space);
    const Architecture net = resolve_architecture(space, named.name);
    const int32_t stored = space.storage().shape.embed_dim();
    Blueprint group = space.blueprint();
    group.wave.norm = ExtractorNorm::kGroup;
    EXPECT_EQ(cost_of(space.blueprint(), net, 16000, stored).params_lighthubert,
              named.layer_norm_params);
    EXPECT_EQ(cost_of(group, net, 16000, stored).params_lighthubert, named.group_norm_params);
    const int64_t samples[] = {16000, 160000, 320000};
    for (int i = 0; i < 3; ++i) {
      const auto macs = static_cast<double>(cost_of(space.blueprint(), net, samples[i]).macs);
      EXPECT_NEAR(macs / 1e9, named.gmacs[i], 0.0051) << named.space << " " << named.name;
    }
  }
}

TEST(Cost, CountsHubertBase) {
  const Blueprint hubert;
  EXPECT_EQ(cost_of(hubert, wave_net(768, 12, 3072, 12), 16000).params, 94'371'712);
}

// Whisper tiny's encoder: 7.6 M trained and 576,000 position values; here with a mask embedding.
TEST(Cost, CountsWhisperTiny) {
  Blueprint whisper = whisper_space().blueprint();
  std::vector<LayerShape> layers;
  for (int32_t i = 0; i < 4; ++i) layers.push_back({i, 6, 1536, 0});
  const Architecture tiny({}, 384, 20000, layers);
  const int64_t convs = 384 * 80 * 3 + 384 + 384 * 384 * 3 + 384;
  const int64_t layer = 4 * 384 * 384 + 3 * 384 + 2 * 384 * 1536 + 1536 + 384 + 4 * 384;
  const Cost cost = cost_of(whisper, tiny, 480000);
  EXPECT_EQ(cost.params, convs + 4 * layer + 1500 * 384 + 2 * 384 + 384);
  EXPECT_EQ(cost.front_end_macs, int64_t{3000} * 384 * 80 * 3 + int64_t{1500} * 384 * 384 * 3);
}

TEST(Cost, NamesTheFrontEndsPart) {
  const Architecture shallow = wave_net(768, 12, 3072, 1), deep = wave_net(768, 12, 3072, 12);
  const Cost cost = cost_of(Blueprint(), deep, 16000);
  EXPECT_EQ(cost.front_end_macs, cost_of(Blueprint(), shallow, 16000).front_end_macs);
  EXPECT_EQ(cost.front_end_macs,
            int64_t{512} * (3199 * 10 + 512 * (3 * (1599 + 799 + 399 + 199) + 2 * (99 + 49))));
}

Blueprint fithubert() {
  Blueprint blueprint;
  blueprint.wave.layers = {{10, 5}, {1, 1}, {3, 2}, {3, 2}, {3, 2}, {3, 2}, {1, 1}, {2, 2}, {2, 2}};
  blueprint.head_dim = 40;
  return blueprint;
}

// Sizes of published students, in millions to two places; without the heads of their training.
TEST(Cost, CountsFitHubertAndArmHubert) {
  const auto millions = [](const Blueprint& blueprint, const char* key) {
    return static_cast<double>(cost_of(blueprint, Architecture::parse(key, 9), 0).params) / 1e6;
  };
  Blueprint fit = fithubert();
  fit.rate = RateKind::kConv;
  EXPECT_NEAR(millions(fit, "c=128,256,256,256,256,256,512,512,512 e=480 p=40000 L=0-11:12x480"),
              21.20, 0.005);
  Blueprint mask = fithubert();
  mask.projection = false;
  EXPECT_NEAR(millions(mask, "c=128,256,256,256,256,256,480,480,480 e=480 p=20000 L=0-11:12x640"),
              22.20, 0.005);
  Blueprint arm = mask;
  arm.attention_reuse = {1, 3, 5, 7, 9, 11};
  EXPECT_NEAR(millions(arm, "c=128,256,256,256,256,256,480,480,480 e=480 p=20000 L=0-11:12x864"),
              22.02, 0.005);
  arm.head_dim = 36;
  EXPECT_NEAR(millions(arm, "c=128,256,256,256,256,256,432,432,432 e=432 p=20000 L=0-11:12x816"),
              18.40, 0.005);
}

TEST(Cost, CountsDistilHubertAndWavLm) {
  Blueprint distil;
  distil.wave.feature_norm = false;
  EXPECT_EQ(cost_of(distil, wave_net(768, 12, 3072, 2), 0).params, 23'491'968);
  // WavLM base is HuBERT base, a table of 320 x 12 and 520 + 12 numbers a layer.
  Blueprint wavlm;
  wavlm.relative_position.buckets = 320;
  const Architecture base = wave_net(768, 12, 3072, 12);
  EXPECT_EQ(cost_of(wavlm, base, 0).params - cost_of(Blueprint(), base, 0).params,
            320 * 12 + 12 * (520 + 12));
  EXPECT_EQ(cost_of(wavlm, base, 16000).macs - cost_of(Blueprint(), base, 16000).macs,
            12 * 49 * 768 * 8);
}

// Sizes of published students; their formula leaves mask_emb (one width) out.
TEST(Cost, CountsPublishedStudents) {
  const Blueprint hubert;
  EXPECT_EQ(cost_of(hubert, wave_net(384, 6, 1536, 12), 0).params - 384, 26'872'960);
  EXPECT_EQ(cost_of(hubert, wave_net(768, 12, 3072, 3), 0).params - 768, 30'580'096);
  EXPECT_EQ(cost_of(hubert, wave_net(768, 12, 3072, 2), 0).params - 768, 23'492'224);
}

TEST(Cost, TheRateUnitIsPaidAtFullRateAndSavesAfterwards) {
  const SearchSpace pocket = load_space("pocket.yaml");
  const Blueprint& blueprint = pocket.blueprint();
  const Architecture slow = Architecture::parse("e=128 p=40000 L=0-3:2x512");
  const Architecture fast = Architecture::parse("e=128 p=20000 L=0-3:2x512");
  const int64_t unit = 5 * 160 * 160 + 160 + 2 * 160 + 160 + 1;
  EXPECT_EQ(cost_of(blueprint, slow, 16000).params, cost_of(blueprint, fast, 16000).params + unit);
  const int64_t t0 = 49, t = 25;  // 24.5 rounds up
  const int64_t per_frame = 160 * 128 + 128 * 8 * 31 + 4 * (4 * 128 * 128 + 2 * 128 * 512);
  const int64_t expected = t0 * (5 * 160 * 160 + 160) + t * per_frame + 4 * 2 * t * t * 128;
  EXPECT_EQ(cost_of(blueprint, slow, 16000).macs, expected);
}

TEST(Cost, JoinedFramesSaveInTheLayersOnly) {
  Blueprint plain, joined;
  joined.rate = RateKind::kLinear;
  const auto net = [](const char* period) {
    return Architecture::parse(std::string("c=512 e=768 L=0:12x3072 p=") + period);
  };
  const int64_t layer = 4 * 768 * 768 + 2 * 768 * 3072, unit = 2 * 768 * 768;
  const int64_t full = cost_of(plain, net("20000"), 16000).macs;
  EXPECT_EQ(cost_of(joined, net("20000"), 16000).macs, full);
  EXPECT_EQ(cost_of(joined, net("40000"), 16000).macs,
            full - (49 - 24) * layer - 2 * (49 * 49 - 24 * 24) * 768 + 24 * unit);
}

TEST(Cost, AReusedMapSavesQueriesKeysAndScores) {
  Blueprint plain, reuse;
  reuse.attention_reuse = {1};
  const Architecture net = wave_net(768, 12, 3072, 2);
  const Cost full = cost_of(plain, net, 16000), saved = cost_of(reuse, net, 16000);
  EXPECT_EQ(full.params - saved.params, 2 * (768 * 768 + 768));
  EXPECT_EQ(full.macs - saved.macs, 49 * 2 * 768 * 768 + 49 * 49 * 768);
}

TEST(Cost, AWindowLimitsTheKeys) {
  const Blueprint pocket = load_space("pocket.yaml").blueprint();
  const auto macs = [&](const char* key) {
    return cost_of(pocket, Architecture::parse(key), 16000).macs;
  };
  EXPECT_EQ(macs("e=128 p=20000 L=0:2x512") - macs("e=128 p=20000 L=0:2x512w16"),
            2 * 49 * (49 - 17) * 128);
  EXPECT_EQ(macs("e=128 p=20000 L=0:2x512"), macs("e=128 p=20000 L=0:2x512w64"));
}

// The same tensors; keys times values and queries times their sums instead of pairs of frames.
TEST(Cost, LinearAttentionGrowsWithTheFrames) {
  const Blueprint pocket = load_space("pocket.yaml").blueprint();
  const auto cost = [&](const char* key, int64_t seconds) {
    return cost_of(pocket, Architecture::parse(key), seconds * 16000);
  };
  const char *softmax = "e=128 p=20000 L=0:2x512", *linear = "e=128 p=20000 L=0:2x512lin";
  EXPECT_EQ(cost(softmax, 1).params, cost(linear, 1).params);
  EXPECT_EQ(cost(softmax, 80).macs - cost(linear, 80).macs,
            int64_t{3999} * 128 * (2 * 3999 - (2 * 64 + 1)));
  const ForwardWork work = work_of(pocket, Architecture::parse(linear), 16000);
  EXPECT_EQ(work.attention_map_elements, 2 * 49 * 128);
}

TEST(Cost, RefusesTheWrongFrontEnd) {
  EXPECT_THROW(cost_of(Blueprint(), Architecture::parse("e=128 p=20000 L=0:2x512"), 1), InputError);
}

TEST(Cost, ParametersAreTheTensorsOwnCount) {
  Rng rng(3);
  for (const SearchSpace& space :
       {load_space("pocket.yaml"), load_space("lighthubert-base.yaml"),
        load_space("lighthubert-small.yaml"), rich_space(), wave_space(), wavlm_space(),
        reuse_space(), joined_space(RateKind::kConv), joined_space(RateKind::kLinear),
        joined_space(RateKind::kAverage)}) {
    const Storage storage = space.storage();
    for (int32_t i = 0; i < 50; ++i) {
      const Architecture net = space.sample(rng);
      int64_t elements = 0;
      for (const TensorSlice& slice : tensor_slices(space.blueprint(), storage, net)) {
        elements += slice.numel();
      }
      EXPECT_EQ(cost_of(space.blueprint(), net, 16000).params, elements) << net.key();
    }
  }
}

}  // namespace
}  // namespace concertina
