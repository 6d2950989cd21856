#include "supernet/space/search_space.h"

#include <gmock/gmock.h>

#include <set>

#include "supernet/space/genome.h"
#include "supernet/space/resolve.h"
#include "supernet/space/violations.h"
#include "tests/space/spaces.h"

namespace concertina {
namespace {

using testing::ElementsAre;

Architecture at_period(const Architecture& net, int32_t frame_period_us) {
  return Architecture(net.conv_channels(), net.embed_dim(), frame_period_us, net.layers());
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
  EXPECT_EQ(pocket.storage().shape.key(), "e=256 p=40000 L=0-3:4x1024");
  EXPECT_EQ(pocket.storage().rule, SlicingRule::kPrefix);
}

TEST(SearchSpace, PocketLinearIsPocketWithTwoKindsOfAttention) {
  const SearchSpace linear = load_space("pocket-linear.yaml"), pocket = load_space("pocket.yaml");
  EXPECT_EQ(linear.size(), std::to_string(2 * 4 * (18 * 18 + 18 * 18 * 18 + 18 * 18 * 18 * 18)));
  EXPECT_EQ(linear.smallest().key(), "e=96 p=40000 L=0:2x192lin,3:2x192lin");
  EXPECT_EQ(linear.largest(), pocket.largest());
  EXPECT_EQ(linear.default_architecture(), pocket.default_architecture());
  EXPECT_EQ(linear.storage().shape, pocket.storage().shape);
}

TEST(SearchSpace, PocketWaveHasEveryGene) {
  const SearchSpace wave = load_space("pocket-wave.yaml");
  EXPECT_EQ(wave.size(), std::to_string(4 * 5 * 4 * (81 + 729 + 6561)));
  EXPECT_EQ(wave.smallest().key(), "c=32 e=96 p=90000 L=0:2x192,3:2x192");
  EXPECT_EQ(wave.largest().key(), "c=128 e=256 p=20000 L=0-3:4x1024");
  EXPECT_EQ(wave.default_architecture().key(), "c=64 e=128 p=20000 L=0-3:2x512");
  EXPECT_EQ(wave.storage().shape.key(), "c=128 e=256 p=90000 L=0-3:4x1024");
  EXPECT_EQ(wave.whole(), wave.largest());
}

TEST(SearchSpace, SmallIsCutFromBaseSizedWeights) {
  const SearchSpace small = load_space("lighthubert-small.yaml");
  EXPECT_EQ(small.whole().key(), "c=512 e=768 p=20000 L=0-11:12x3072");
  EXPECT_EQ(small.storage().shape.key(), "c=512 e=768 p=20000 L=0-11:12x3072");
  EXPECT_EQ(small.storage().rule, SlicingRule::kLightHubert);
  EXPECT_EQ(small.largest().embed_dim(), 512);
}

// Every genome of a small space is decoded: the count of different networks is the size.
void expect_distinct_size(const SearchSpace& space) {
  const GenomeCodec codec(space);
  const std::vector<int32_t>& counts = codec.cardinalities();
  std::set<Architecture> seen;
  Genome genome(counts.size(), 0);
  for (size_t gene = 0; gene < counts.size();) {
    seen.insert(codec.decode(genome));
    for (gene = 0; gene < counts.size() && ++genome[gene] == counts[gene]; ++gene) genome[gene] = 0;
  }
  EXPECT_EQ(space.size(), std::to_string(seen.size()));
}

TEST(SearchSpace, SizeCountsDistinctArchitectures) {
  expect_distinct_size(rich_space());
  SpaceChoices choices = linear_space().choices();
  choices.heads = {0, 1};
  choices.embed_dim = {64};
  choices.frame_period_us = {20000};
  expect_distinct_size(SearchSpace(linear_space().blueprint(), choices));
}

TEST(SearchSpace, SamplesAreMembersBetweenSmallestAndLargest) {
  Rng rng(11);
  for (const SearchSpace& space : {load_space("pocket.yaml"), load_space("lighthubert-small.yaml"),
                                   rich_space(), linear_space(), wave_space()}) {
    for (int32_t i = 0; i < 200; ++i) {
      const Architecture net = space.sample(rng);
      EXPECT_TRUE(space.contains(net)) << net.key();
      const Architecture largest = at_period(space.largest(), net.frame_period_us());
      EXPECT_FALSE(find_violation(space.blueprint(), {largest}, net)) << net.key();
      EXPECT_FALSE(find_violation(space.blueprint(), space.storage(), net)) << net.key();
    }
    EXPECT_TRUE(space.contains(space.smallest()));
    EXPECT_TRUE(space.contains(space.default_architecture()));
  }
}

TEST(SearchSpace, ASpaceWithOneMember) {
  const Architecture only = Architecture::parse("e=96 p=40000 L=0-1:2x192,3:0x96");
  const SearchSpace space =
      SearchSpace::single(load_space("pocket.yaml").blueprint(), {only, SlicingRule::kPrefix});
  Rng rng(1);
  EXPECT_EQ(space.size(), "1");
  const GenomeCodec codec(space);
  EXPECT_TRUE(codec.cardinalities().empty());
  for (const Architecture& net :
       {space.smallest(), space.largest(), space.default_architecture(), space.sample(rng),
        codec.decode({}), resolve_architecture(space, only.key())}) {
    EXPECT_EQ(net, only);
  }
  EXPECT_TRUE(space.contains(only));
  EXPECT_FALSE(space.contains(Architecture::parse("e=96 p=40000 L=0-1:2x192")));
  EXPECT_THAT(kept_layers(space.choices(), 3), ElementsAre(0, 1, 3));
}

}  // namespace
}  // namespace concertina
