#include "supernet/space/violations.h"

#include <gmock/gmock.h>

#include "core/errors.h"
#include "tests/space/spaces.h"

namespace concertina {
namespace {

using testing::HasSubstr;

TEST(Violations, StorageLimitsEveryDimension) {
  const auto fits = [](const Architecture& stored, const Architecture& net) {
    Blueprint blueprint;
    if (net.conv_channels().empty()) blueprint.front_end = FrontEndKind::kLogMel;
    return !find_violation(blueprint, {stored}, net);
  };
  const Architecture big = wave_net(128, 2, 256, 4, 64);
  EXPECT_TRUE(fits(big, big));
  EXPECT_TRUE(fits(big, wave_net(64, 1, 128, 3, 32)));
  EXPECT_FALSE(fits(big, wave_net(192, 1, 128, 3, 32)));
  EXPECT_FALSE(fits(big, wave_net(64, 3, 128, 3, 32)));
  EXPECT_FALSE(fits(big, wave_net(64, 1, 512, 3, 32)));
  EXPECT_FALSE(fits(big, wave_net(64, 1, 128, 5, 32)));
  EXPECT_FALSE(fits(big, wave_net(64, 1, 128, 3, 96)));
  const auto windowed = [](int32_t window) {
    return Architecture({}, 64, 20000, {{2, 1, 8, window}});
  };
  EXPECT_TRUE(fits(windowed(0), windowed(16)));
  EXPECT_TRUE(fits(windowed(16), windowed(8)));
  EXPECT_FALSE(fits(windowed(16), windowed(32)));
  EXPECT_FALSE(fits(windowed(16), windowed(0)));
}

TEST(Violations, LinearAttentionHasNoWindowAndNoScores) {
  const Blueprint mel = linear_space().blueprint();
  const auto net = [](const char* layer) {
    return Architecture::parse(std::string("e=64 p=20000 L=2:") + layer);
  };
  const auto fits = [&](const char* stored, const char* layer) {
    return !find_violation(mel, {net(stored)}, net(layer));
  };
  EXPECT_TRUE(fits("2x8", "1x8lin"));
  EXPECT_TRUE(fits("2x8w16", "1x8lin"));
  EXPECT_TRUE(fits("2x8lin", "0x8"));
  EXPECT_FALSE(fits("2x8lin", "1x8"));
  EXPECT_FALSE(fits("2x8lin", "3x8lin"));
  Blueprint biased = mel, shared = mel;
  biased.relative_position.buckets = 32;
  shared.attention_reuse = {1};
  EXPECT_THAT(find_violation(biased, net("1x8lin"))->text(),
              HasSubstr("layer 2: linear attention has no scores"));
  EXPECT_THAT(find_violation(shared, net("1x8lin"))->text(), HasSubstr("has no map"));
  EXPECT_FALSE(find_violation(biased, net("1x8")));
  const auto miss = find_violation(rich_space(), Architecture::parse("e=64 p=20000 L=2:1x96lin"));
  EXPECT_EQ(miss->text(),
            "linear attention in layer 2: attention has softmax; the nearest is softmax");
}

// Every member of a space must be one that the weights can give.
TEST(Violations, TiedPartsLimitTheChoices) {
  const auto refused = [](const SearchSpace& space, const SpaceChoices& choices) -> std::string {
    try {
      SearchSpace(space.blueprint(), choices);
    } catch (const InputError& error) {
      return error.what();
    }
    return "accepted";
  };
  SpaceChoices wide = wavlm_space().choices();
  wide.heads = {2, 4};  // 4 * 64 channels do not fit into an embedding of 128
  EXPECT_THAT(refused(wavlm_space(), wide), HasSubstr("4 heads in layer 0"));
  SpaceChoices elastic = reuse_space().choices();
  elastic.heads = {1, 2};
  EXPECT_THAT(refused(reuse_space(), elastic), HasSubstr("attention_reuse"));
  SpaceChoices headless = reuse_space().choices();
  headless.policy = DepthPolicy::kExplicit;
  headless.explicit_sets = {{1, 2}, {0, 1, 2, 3}};
  EXPECT_THAT(refused(reuse_space(), headless), HasSubstr("no kept layer before it"));
  SpaceChoices uneven = joined_space(RateKind::kAverage).choices();
  uneven.frame_period_us = {20000, 50000};
  EXPECT_THAT(refused(joined_space(RateKind::kAverage), uneven), HasSubstr("multiple of 20000"));
}

}  // namespace
}  // namespace concertina
