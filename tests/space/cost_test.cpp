#include "supernet/space/cost.h"

#include <gtest/gtest.h>

#include "core/errors.h"
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
    const Architecture net = space.resolve(named.name);
    const int32_t stored = space.storage().largest.embed_dim();
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

TEST(Cost, AWindowLimitsTheKeys) {
  const Blueprint pocket = load_space("pocket.yaml").blueprint();
  const auto macs = [&](const char* key) {
    return cost_of(pocket, Architecture::parse(key), 16000).macs;
  };
  EXPECT_EQ(macs("e=128 p=20000 L=0:2x512") - macs("e=128 p=20000 L=0:2x512w16"),
            2 * 49 * (49 - 17) * 128);
  EXPECT_EQ(macs("e=128 p=20000 L=0:2x512"), macs("e=128 p=20000 L=0:2x512w64"));
}

TEST(Cost, RefusesTheWrongFrontEnd) {
  EXPECT_THROW(cost_of(Blueprint(), Architecture::parse("e=128 p=20000 L=0:2x512"), 1), InputError);
}

TEST(Cost, ParametersAreTheTensorsOwnCount) {
  Rng rng(3);
  for (const SearchSpace& space :
       {load_space("pocket.yaml"), load_space("lighthubert-base.yaml"),
        load_space("lighthubert-small.yaml"), rich_space(), wave_space()}) {
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
