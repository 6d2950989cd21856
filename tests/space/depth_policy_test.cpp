#include "supernet/space/depth_policy.h"

#include <gmock/gmock.h>

#include <map>
#include <set>

#include "core/errors.h"
#include "tests/space/spaces.h"

namespace concertina {
namespace {

using testing::ElementsAre;

TEST(DepthPolicies, KeepTheirSets) {
  EXPECT_THAT(kept_layers(DepthPolicy::kTop, 12, 6), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(kept_layers(DepthPolicy::kBottom, 12, 6), ElementsAre(6, 7, 8, 9, 10, 11));
  EXPECT_THAT(kept_layers(DepthPolicy::kSymmetric, 12, 6), ElementsAre(0, 1, 2, 9, 10, 11));
  EXPECT_THAT(kept_layers(DepthPolicy::kSymmetric, 4, 3), ElementsAre(0, 1, 3));
  EXPECT_THAT(kept_layers(DepthPolicy::kAlternate, 12, 6), ElementsAre(0, 2, 4, 6, 8, 10));
  EXPECT_THAT(kept_layers(DepthPolicy::kAlternate, 4, 3), ElementsAre(0, 1, 2));
  EXPECT_THAT(kept_layers(DepthPolicy::kAlternate, 4, 1), ElementsAre(0));
  EXPECT_THROW(kept_layers(DepthPolicy::kLightHubert, 12, 5), InputError);
  EXPECT_THROW(kept_layers(DepthPolicy::kLightHubert, 6, 6), InputError);
  EXPECT_THROW(kept_layers(DepthPolicy::kTop, 4, 5), InputError);
}

// LightHuBERT's table of what is dropped.
TEST(DepthPolicies, LightHubertsSets) {
  const std::map<int32_t, std::set<int32_t>> dropped = {{12, {}},
                                                        {11, {11}},
                                                        {10, {7, 11}},
                                                        {9, {3, 7, 11}},
                                                        {8, {3, 7, 10, 11}},
                                                        {7, {3, 6, 7, 10, 11}},
                                                        {6, {2, 3, 6, 7, 10, 11}}};
  for (const auto& [depth, without] : dropped) {
    std::vector<int32_t> kept;
    for (int32_t layer = 0; layer < 12; ++layer) {
      if (!without.contains(layer)) kept.push_back(layer);
    }
    EXPECT_EQ(kept_layers(DepthPolicy::kLightHubert, 12, depth), kept);
  }
}

TEST(DepthPolicies, ExplicitSetsAreTheSpaces) {
  const SearchSpace space = rich_space();
  EXPECT_THAT(kept_layers(space.choices(), 1), ElementsAre(2));
  EXPECT_THAT(kept_layers(space.choices(), 3), ElementsAre(0, 1, 2));
  EXPECT_THROW(kept_layers(space.choices(), 2), InputError);
}

// The ready spaces that differ in their depth policy alone.
TEST(DepthPolicies, HaveReadySpaces) {
  const SearchSpace deep = load_space("pocket-deep.yaml");
  for (const auto& [name, policy] : {std::pair{"pocket-top.yaml", DepthPolicy::kTop},
                                     std::pair{"pocket-bottom.yaml", DepthPolicy::kBottom},
                                     std::pair{"pocket-alternate.yaml", DepthPolicy::kAlternate}}) {
    const SearchSpace space = load_space(name);
    EXPECT_EQ(space.choices().policy, policy) << name;
    SpaceChoices choices = space.choices();
    choices.policy = deep.choices().policy;
    const SearchSpace same(space.blueprint(), choices, space.default_values());
    EXPECT_EQ(json_of(same), json_of(deep)) << name;
  }
  EXPECT_EQ(load_space("pocket-top.yaml").smallest().key(), "e=96 p=40000 L=0-1:2x192");
  EXPECT_EQ(load_space("pocket-bottom.yaml").smallest().key(), "e=96 p=40000 L=4-5:2x192");
}

// Weights shared between depths are shared best when a shallower net is part of the deeper one.
TEST(DepthPolicies, ShallowerSetsAreNested) {
  for (DepthPolicy policy : {DepthPolicy::kTop, DepthPolicy::kBottom, DepthPolicy::kAlternate,
                             DepthPolicy::kSymmetric, DepthPolicy::kLightHubert}) {
    for (int32_t depth = policy == DepthPolicy::kLightHubert ? 6 : 1; depth < 12; ++depth) {
      const std::vector<int32_t> small = kept_layers(policy, 12, depth);
      EXPECT_EQ(std::ssize(small), depth);
      EXPECT_TRUE(std::ranges::includes(kept_layers(policy, 12, depth + 1), small));
    }
  }
}

}  // namespace
}  // namespace concertina
