#include "supernet/space/genome.h"

#include <gmock/gmock.h>

#include <set>

#include "core/errors.h"
#include "tests/space/spaces.h"

namespace concertina {
namespace {

std::vector<SearchSpace> spaces() {
  return {load_space("pocket.yaml"), load_space("lighthubert-small.yaml"), rich_space(),
          linear_space(), wave_space()};
}

TEST(Genome, LayoutIsNamed) {
  const GenomeCodec pocket(load_space("pocket.yaml"));
  EXPECT_EQ(std::ssize(pocket.names()), 4 + 3 * 4);
  EXPECT_EQ(pocket.names()[1], "embed_dim");
  EXPECT_EQ(pocket.names()[4 + 3 * 3], "layer3.heads");
  EXPECT_THAT(pocket.cardinalities(),
              testing::ElementsAre(1, 4, 2, 3, 3, 3, 1, 3, 3, 1, 3, 3, 1, 3, 3, 1));
}

TEST(Genome, TheKindOfAttentionIsAGeneWhereItIsAChoice) {
  const GenomeCodec codec(linear_space());
  EXPECT_EQ(std::ssize(codec.names()), 4 + 4 * 3);
  EXPECT_EQ(codec.names()[4 + 4 * 2 + 3], "layer2.attention");
  EXPECT_EQ(codec.cardinalities()[4 + 3], 2);
  const Architecture net = Architecture::parse("e=96 p=20000 L=0:1x192lin,1:2x192w16,2:0x192");
  const Genome genome = codec.encode(net);
  EXPECT_THAT(std::vector(genome.begin() + 4, genome.end()),
              testing::ElementsAre(1, 2, 0, 0, 2, 2, 0, 1, 0, 2, 0, 0));
  EXPECT_EQ(codec.decode(genome), net);
}

TEST(Genome, DecodesToWhatWasEncoded) {
  Rng rng(21);
  for (const SearchSpace& space : spaces()) {
    const GenomeCodec codec(space);
    for (int32_t i = 0; i < 200; ++i) {
      const Architecture net = space.sample(rng);
      const Genome genome = codec.encode(net);
      EXPECT_EQ(codec.decode(genome), net);
      EXPECT_EQ(codec.canonical(genome), genome);
    }
  }
}

TEST(Genome, GenesOfDroppedLayersAreZero) {
  const GenomeCodec pocket(load_space("pocket.yaml"));
  Genome genome(16, 0);
  for (size_t gene : {4U, 7U, 10U, 13U}) genome[gene] = 2;
  const Genome canonical = pocket.canonical(genome);  // depth 2 keeps layers 0 and 3
  EXPECT_EQ(canonical[4], 2);
  EXPECT_EQ(canonical[7], 0);
  EXPECT_EQ(canonical[10], 0);
  EXPECT_EQ(canonical[13], 2);
}

TEST(Genome, RefusesWhatIsNoGenome) {
  const GenomeCodec pocket(load_space("pocket.yaml"));
  EXPECT_THROW(pocket.decode({}), InputError);
  Genome genome(16, 0);
  genome[1] = 4;
  EXPECT_THROW(pocket.decode(genome), InputError);
  genome[1] = -1;
  EXPECT_THROW(pocket.decode(genome), InputError);
  EXPECT_THROW(pocket.encode(Architecture::parse("e=112 p=20000 L=0-3:2x224")), InputError);
}

TEST(Genome, MutantsAndChildrenAreCanonicalMembers) {
  Rng rng(31);
  for (const SearchSpace& space : spaces()) {
    const GenomeCodec codec(space);
    for (int32_t i = 0; i < 200; ++i) {
      const Genome a = codec.encode(space.sample(rng)), b = codec.encode(space.sample(rng));
      const Genome mutant = codec.mutate(a, 0.3, rng), child = codec.cross(a, b, rng);
      for (const Genome& genome : {mutant, child}) {
        EXPECT_EQ(codec.canonical(genome), genome);
        EXPECT_TRUE(space.contains(codec.decode(genome)));
      }
      EXPECT_EQ(codec.mutate(a, 0, rng), a);
      EXPECT_EQ(codec.cross(a, a, rng), a);
    }
  }
}

TEST(Genome, MutationReachesEveryPocketNet) {
  const GenomeCodec pocket(load_space("pocket.yaml"));
  Rng rng(41);
  Genome genome = pocket.encode(pocket.space().smallest());
  std::set<int32_t> widths, depths, last_layer;
  for (int32_t i = 0; i < 300; ++i) {
    genome = pocket.mutate(genome, 0.2, rng);
    const Architecture net = pocket.decode(genome);
    widths.insert(net.embed_dim());
    depths.insert(net.depth());
    last_layer.insert(net.layers().back().heads);
  }
  EXPECT_EQ(widths.size(), 4U);
  EXPECT_EQ(depths.size(), 3U);
  EXPECT_EQ(last_layer.size(), 3U);
}

TEST(Genome, ChildrenTakeLayersFromTheParentThatHasThem) {
  const GenomeCodec pocket(load_space("pocket.yaml"));
  const Genome shallow = pocket.encode(Architecture::parse("e=96 p=20000 L=0:2x192,3:2x192"));
  const Genome deep = pocket.encode(Architecture::parse("e=96 p=20000 L=0-3:4x384"));
  Rng rng(51);
  for (int32_t i = 0; i < 50; ++i) {
    const Architecture child = pocket.decode(pocket.cross(shallow, deep, rng));
    for (const LayerShape& layer : child.layers()) {
      EXPECT_TRUE(layer.heads == 4 || layer.index == 0 || layer.index == 3) << child.key();
    }
  }
}

}  // namespace
}  // namespace concertina
