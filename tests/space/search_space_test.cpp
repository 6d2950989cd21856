#include "supernet/space/search_space.h"

#include <gmock/gmock.h>

#include <map>
#include <set>

#include "core/errors.h"
#include "supernet/space/big_count.h"
#include "tests/space/spaces.h"

namespace concertina {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string problems_of(const std::string& yaml) {
  try {
    SearchSpace::from_json(yaml);
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(BigCount, HoldsMoreThanSixtyFourBits) {
  BigCount count(999'999'999);
  for (int i = 0; i < 3; ++i) count *= 1'000'000'000;
  count += BigCount(1);
  EXPECT_EQ(count.text(), "999999999000000000000000000000000001");
  EXPECT_EQ(BigCount().text(), "0");
}

TEST(SearchSpace, LightHubertSizes) {
  EXPECT_EQ(load_space("lighthubert-base.yaml").size(), "6530347008");
  EXPECT_EQ(load_space("lighthubert-small.yaml").size(), "951892141473");
}

TEST(SearchSpace, PocketIsTheOneInTheNotes) {
  const SearchSpace pocket = load_space("pocket.yaml");
  EXPECT_EQ(pocket.size(), std::to_string(2 * 4 * (81 + 729 + 6561)));
  EXPECT_EQ(pocket.smallest().key(), "e=96 p=40000 L=0:2x192,3:2x192");
  EXPECT_EQ(pocket.largest().key(), "e=256 p=20000 L=0-3:4x1024");
  EXPECT_EQ(pocket.default_architecture().key(), "e=128 p=20000 L=0-3:2x512");
  EXPECT_EQ(pocket.storage().largest.key(), "e=256 p=40000 L=0-3:4x1024");
  EXPECT_EQ(pocket.storage().rule, SlicingRule::kPrefix);
}

TEST(SearchSpace, PocketWaveHasEveryGene) {
  const SearchSpace wave = load_space("pocket-wave.yaml");
  EXPECT_EQ(wave.size(), std::to_string(4 * 5 * 4 * (81 + 729 + 6561)));
  EXPECT_EQ(wave.smallest().key(), "c=32 e=96 p=90000 L=0:2x192,3:2x192");
  EXPECT_EQ(wave.largest().key(), "c=128 e=256 p=20000 L=0-3:4x1024");
  EXPECT_EQ(wave.default_architecture().key(), "c=64 e=128 p=20000 L=0-3:2x512");
  EXPECT_EQ(wave.storage().largest.key(), "c=128 e=256 p=90000 L=0-3:4x1024");
  EXPECT_EQ(wave.whole(), wave.largest());
}

TEST(SearchSpace, SmallIsCutFromBaseSizedWeights) {
  const SearchSpace small = load_space("lighthubert-small.yaml");
  EXPECT_EQ(small.whole().key(), "c=512 e=768 p=20000 L=0-11:12x3072");
  EXPECT_EQ(small.storage().largest.key(), "c=512 e=768 p=20000 L=0-11:12x3072");
  EXPECT_EQ(small.storage().rule, SlicingRule::kLightHubert);
  EXPECT_EQ(small.largest().embed_dim(), 512);
}

// Every genome of a small space is decoded: the count of different networks is the size.
TEST(SearchSpace, SizeCountsDistinctArchitectures) {
  const SearchSpace space = rich_space();
  const std::vector<int32_t> counts = space.gene_cardinalities();
  std::set<Architecture> seen;
  Genome genome(counts.size(), 0);
  for (size_t gene = 0; gene < counts.size();) {
    seen.insert(space.decode(genome));
    for (gene = 0; gene < counts.size() && ++genome[gene] == counts[gene]; ++gene) genome[gene] = 0;
  }
  EXPECT_EQ(space.size(), std::to_string(seen.size()));
}

TEST(SearchSpace, SamplesAreMembersBetweenSmallestAndLargest) {
  Rng rng(11);
  for (const SearchSpace& space : {load_space("pocket.yaml"), load_space("lighthubert-small.yaml"),
                                   rich_space(), wave_space()}) {
    for (int32_t i = 0; i < 200; ++i) {
      const Architecture net = space.sample(rng);
      EXPECT_TRUE(space.contains(net)) << net.key();
      EXPECT_TRUE(covers(space.largest(), net)) << net.key();
      EXPECT_TRUE(covers(space.storage().largest, net)) << net.key();
    }
    EXPECT_TRUE(space.contains(space.smallest()));
    EXPECT_TRUE(space.contains(space.default_architecture()));
  }
}

TEST(SearchSpace, JsonOpensNoFile) {
  EXPECT_THAT(problems_of("{blueprint: /etc/hostname, heads: 2}"), HasSubstr("no map"));
  EXPECT_THAT(problems_of("{heads: 2}"), HasSubstr("no map"));
}

TEST(SearchSpace, JsonRoundTrips) {
  for (const SearchSpace& space :
       {load_space("pocket.yaml"), load_space("lighthubert-base.yaml"),
        load_space("lighthubert-small.yaml"), rich_space(), wave_space(),
        SearchSpace::single(
            rich_space().blueprint(),
            {Architecture::parse("e=96 p=40000 L=0-1:2x192,3:0x96"), SlicingRule::kLightHubert})}) {
    const SearchSpace again = SearchSpace::from_json(space.to_json());
    EXPECT_EQ(again.to_json(), space.to_json());
    EXPECT_EQ(again.size(), space.size());
    EXPECT_EQ(again.smallest(), space.smallest());
    EXPECT_EQ(again.default_architecture(), space.default_architecture());
    EXPECT_EQ(again.storage().largest, space.storage().largest);
    EXPECT_EQ(again.storage().rule, space.storage().rule);
  }
}

TEST(SearchSpace, ASpaceWithOneMember) {
  const Architecture only = Architecture::parse("e=96 p=40000 L=0-1:2x192,3:0x96");
  const SearchSpace space =
      SearchSpace::single(load_space("pocket.yaml").blueprint(), {only, SlicingRule::kPrefix});
  Rng rng(1);
  EXPECT_EQ(space.size(), "1");
  EXPECT_EQ(space.genome_length(), 0);
  for (const Architecture& net : {space.smallest(), space.largest(), space.default_architecture(),
                                  space.sample(rng), space.decode({}), space.resolve(only.key())}) {
    EXPECT_EQ(net, only);
  }
  EXPECT_TRUE(space.contains(only));
  EXPECT_FALSE(space.contains(Architecture::parse("e=96 p=40000 L=0-1:2x192")));
  EXPECT_THAT(space.kept_layers(3), ElementsAre(0, 1, 3));
}

TEST(SearchSpace, ReportsAllProblemsAtOnce) {
  const std::string message = problems_of(R"(
blueprint: {front_end: {kind: log_mel}, rate: none}
embed_dim: [96, 0]
heads: []
ffn_ratio: [2]
window: [3]
depth: {of: 4, keep: [2, 5], policy: symetric}
default: {embed_dim: 100}
bogus: 1
)");
  for (const char* part : {"embed_dim", "heads", "window", "depth.keep", "did you mean 'symmetric'",
                           "default.embed_dim", "bogus"}) {
    EXPECT_THAT(message, HasSubstr(part));
  }
}

TEST(SearchSpace, ChoicesMustFitTheStorage) {
  const std::string head =
      "{blueprint: {front_end: {kind: log_mel}}, heads: 2, ffn_ratio: 2, depth: {of: 2, keep: 2}, ";
  EXPECT_EQ(problems_of(head + "embed_dim: [96]}"), "accepted");
  EXPECT_THAT(problems_of(head + "embed_dim: [90]}"), HasSubstr("multiple of 16"));
  EXPECT_THAT(problems_of(head + "embed_dim: [96], frame_period_ms: [40]}"), HasSubstr("p=40000"));
  EXPECT_THAT(problems_of(head + "embed_dim: [96], storage: {embed_dim: 64}}"), HasSubstr("e=96"));
  EXPECT_THAT(problems_of(head + "embed_dim: [96], storage: {heads: 1}}"), HasSubstr("2 heads"));
  EXPECT_THAT(problems_of(head + "embed_dim: [96], conv_channels: [64]}"),
              HasSubstr("no conv layers"));
  EXPECT_THROW(SearchSpace::load("no/such/space.yaml"), SystemError);
}

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
  EXPECT_THAT(space.kept_layers(1), ElementsAre(2));
  EXPECT_THAT(space.kept_layers(3), ElementsAre(0, 1, 2));
  EXPECT_THROW(space.kept_layers(2), InputError);
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

// Every member of a space must be one that the weights can give.
TEST(SearchSpace, TiedPartsLimitTheChoices) {
  const auto refused = [](const SearchSpace& space,
                          const SearchSpace::Choices& choices) -> std::string {
    try {
      SearchSpace(space.blueprint(), choices);
    } catch (const InputError& error) {
      return error.what();
    }
    return "accepted";
  };
  SearchSpace::Choices wide = wavlm_space().choices();
  wide.heads = {2, 4};  // 4 * 64 channels do not fit into an embedding of 128
  EXPECT_THAT(refused(wavlm_space(), wide), HasSubstr("4 heads in layer 0"));
  SearchSpace::Choices elastic = reuse_space().choices();
  elastic.heads = {1, 2};
  EXPECT_THAT(refused(reuse_space(), elastic), HasSubstr("attention_reuse"));
  SearchSpace::Choices headless = reuse_space().choices();
  headless.policy = DepthPolicy::kExplicit;
  headless.explicit_sets = {{1, 2}, {0, 1, 2, 3}};
  EXPECT_THAT(refused(reuse_space(), headless), HasSubstr("no kept layer before it"));
  SearchSpace::Choices uneven = joined_space(RateKind::kAverage).choices();
  uneven.frame_period_us = {20000, 50000};
  EXPECT_THAT(refused(joined_space(RateKind::kAverage), uneven), HasSubstr("multiple of 20000"));
}

}  // namespace
}  // namespace concertina
