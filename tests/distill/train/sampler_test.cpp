#include "distill/train/sampler.h"

#include <gtest/gtest.h>

#include <set>

#include "core/errors.h"
#include "distill/train/subnet_draw.h"
#include "supernet/space/cost.h"
#include "supernet/space/search_space_config.h"
#include "tests/distill/tiny.h"

namespace concertina {
namespace {

std::vector<std::string> roles(const SubnetSampler& sampler) {
  std::vector<std::string> names;
  for (const SampledSubnet& subnet : sampler.draw(0)) names.push_back(subnet.role);
  return names;
}

TEST(Sampler, DrawsTheSubnetsOfItsKind) {
  const SearchSpace space = testing::tiny_space();
  const auto made = [&](SamplerKind kind) {
    return make_sampler({.kind = kind, .random = 2}, space, 10, Rng(1));
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(roles(*made(SamplerKind::kLargest)), Names({"largest"}));
  EXPECT_EQ(roles(*made(SamplerKind::kRandom)), Names({"random1"}));
  const Names sandwich = {"largest", "smallest", "random1", "random2"};
  EXPECT_EQ(roles(*made(SamplerKind::kSandwich)), sandwich);
  EXPECT_EQ(roles(*made(SamplerKind::kPareto)), sandwich);
  const auto sampler = made(SamplerKind::kPareto);
  EXPECT_EQ(sampler->draw(3)[2].architecture, sampler->draw(3)[2].architecture);
  EXPECT_EQ(sampler->draw(3)[1].architecture, space.smallest());
}

TEST(Sampler, TrainsTheLargestInOneOfSoManySteps) {
  const SearchSpace space = testing::tiny_space();
  const auto sampler =
      make_sampler({.kind = SamplerKind::kSandwich, .largest_every = 3}, space, 10, Rng(1));
  for (int64_t step = 0; step < 7; ++step) {
    const auto subnets = sampler->draw(step);
    EXPECT_EQ(subnets.size(), step % 3 == 0 ? 3U : 2U);
    EXPECT_EQ(subnets[0].role, step % 3 == 0 ? "largest" : "smallest");
  }
}

TEST(Sampler, AlternatesBetweenTheLargestAndRandomSubnets) {
  const SearchSpace space = testing::tiny_space();
  const auto sampler = make_sampler(
      {.kind = SamplerKind::kAlternating, .random = 2, .largest_every = 3}, space, 10, Rng(1));
  for (int64_t step = 0; step < 7; ++step) {
    const auto subnets = sampler->draw(step);
    ASSERT_EQ(subnets.size(), 1U);
    EXPECT_EQ(subnets[0].role, step % 3 == 0 ? "largest" : "random1");
  }
  EXPECT_EQ(sampler->draw(3)[0].architecture, space.largest());
  EXPECT_NE(sampler->draw(1)[0].architecture, sampler->draw(2)[0].architecture);
  EXPECT_EQ(sampler->sizes().size(), 3U);
}

TEST(Sampler, TrainsOneSubnetAlone) {
  const SearchSpace space = testing::tiny_space();
  SamplerOptions options{.kind = SamplerKind::kSubnet, .subnet = space.smallest().key()};
  const auto sampler = make_sampler(options, space, 10, Rng(1));
  for (int64_t step = 0; step < 3; ++step) {
    const auto subnets = sampler->draw(step);
    ASSERT_EQ(subnets.size(), 1U);
    EXPECT_EQ(subnets[0].role, "subnet");
    EXPECT_EQ(subnets[0].architecture, space.smallest());
  }
  EXPECT_EQ(sampler->sizes()[0].architecture, space.smallest());
  EXPECT_EQ(sampler->sizes().size(), 1U);
  options.subnet = "default";
  EXPECT_EQ(make_sampler(options, space, 10, Rng(1))->draw(0)[0].architecture,
            space.default_architecture());
  options.subnet = "e=33 p=20000 L=0:2x64";
  EXPECT_THROW(make_sampler(options, space, 10, Rng(1)), InputError);
}

TEST(Sampler, ShrinksProgressively) {
  const SearchSpace space = testing::tiny_space();
  const auto sampler = make_sampler(
      {.kind = SamplerKind::kSandwich, .random = 4, .progressive = 0.5}, space, 600, Rng(1));
  const auto drawn = [&](int64_t first, int64_t last) {
    std::set<Architecture> found;
    for (int64_t step = first; step < last; ++step) {
      for (const SampledSubnet& subnet : sampler->draw(step)) found.insert(subnet.architecture);
    }
    return found;
  };
  EXPECT_EQ(drawn(0, 100), std::set<Architecture>{space.largest()});
  std::set<int32_t> heads, depths, widths;
  for (const Architecture& a : drawn(100, 200)) {  // layers' own genes are open
    EXPECT_EQ(a.depth(), 2);
    EXPECT_EQ(a.embed_dim(), 32);
    EXPECT_EQ(a.frame_period_us(), 20000);
    heads.insert(a.layers()[0].heads);
  }
  EXPECT_EQ(heads.size(), 2U);
  for (const Architecture& a : drawn(200, 300)) {  // depth too
    EXPECT_EQ(a.embed_dim(), 32);
    depths.insert(a.depth());
  }
  EXPECT_EQ(depths.size(), 2U);
  for (const Architecture& a : drawn(300, 400)) widths.insert(a.embed_dim());
  EXPECT_EQ(widths.size(), 2U);
  EXPECT_EQ(sampler->draw(300)[1].architecture, space.smallest());
}

TEST(ParetoSampler, TakesLargerMembersOfTheSameCost) {
  const SearchSpace space = load_search_space(CONCERTINA_SOURCE_DIR "/configs/spaces/pocket.yaml");
  const ProgressiveShrinking shrinking(space);
  const ParetoSampler best(shrinking, space.blueprint(), 8, Rng(1)),
      any(shrinking, space.blueprint(), 1, Rng(1));
  // Mean parameters a MAC, and how the MACs spread.
  const auto mean_density = [&](const ParetoSampler& draw) {
    Rng rng(2);
    double sum = 0;
    for (int32_t i = 0; i < 200; ++i) {
      const Cost cost =
          cost_of(space.blueprint(), draw.sample(ProgressiveShrinking::kStages - 1, rng), 80000);
      sum += static_cast<double>(cost.params) / static_cast<double>(cost.macs);
    }
    return sum / 200;
  };
  EXPECT_GT(mean_density(best), 1.1 * mean_density(any));
}

}  // namespace
}  // namespace concertina
