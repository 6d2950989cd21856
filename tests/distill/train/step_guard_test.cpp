#include "distill/train/step_guard.h"

#include <gtest/gtest.h>

#include "distill/train/sampler.h"
#include "tests/distill/tiny.h"

namespace concertina {
namespace {

constexpr int64_t kLate = StepGuard::kGuardAfter;

at::Tensor row(std::vector<double> values) { return at::tensor(values, at::kDouble); }

class Guarded : public ::testing::Test {
 protected:
  bool counts(const std::vector<double>& losses, int64_t seen) {
    return guard.gradient_scale(row(losses), at::ones({}, at::kDouble), seen)
        .isfinite()
        .item<bool>();
  }
  OptimizerOptions options;
  StepGuard guard{options, at::kCPU};
};

TEST_F(Guarded, EachRoleHasItsOwnMean) {
  for (int64_t seen = 0; seen < kLate; ++seen) EXPECT_TRUE(counts({0.01, 1.0}, seen));
  EXPECT_TRUE(counts({0.04, 1.0}, kLate));
  EXPECT_FALSE(counts({0.2, 1.0}, kLate + 1));  // the mean of both would not change enough
  EXPECT_TRUE(counts({0.01, 4.0}, kLate + 2));
}

TEST_F(Guarded, MeansRestartWhenTheSpaceIsExtended) {
  for (int64_t seen = 0; seen < 50; ++seen) EXPECT_TRUE(counts({0.01}, seen));
  for (int64_t seen = 0; seen < 50; ++seen) EXPECT_TRUE(counts({0.01, 1.0, 0.7}, seen));
  EXPECT_FALSE(counts({0.01, 6.0, 0.7}, 50));
}

TEST_F(Guarded, TheFirstLossesOfAMeanHaveEqualWeight) {
  EXPECT_TRUE(counts({0.01}, 0));  // a subnet that happens to be near the largest
  for (int64_t seen = 1; seen < kLate; ++seen) EXPECT_TRUE(counts({1.0}, seen));
  EXPECT_TRUE(counts({4.0}, kLate));
}

TEST_F(Guarded, KeepsTheMeansOfRolesThatAStepLacks) {
  for (int64_t seen = 0; seen < kLate; ++seen)
    EXPECT_TRUE(seen % 4 == 0 ? counts({0.01, 1.0, 2.0}, seen) : counts({1.0, 2.0}, seen));
  EXPECT_FALSE(counts({0.06, 1.0, 2.0}, kLate));
  EXPECT_FALSE(counts({6.0, 2.0}, kLate + 1));
  EXPECT_TRUE(counts({4.0, 8.0}, kLate + 2));
}

TEST_F(Guarded, ResumesWithTheMeansOfACheckpoint) {
  guard.restore({0.01, 1.0});
  EXPECT_FALSE(counts({0.06, 1.0}, 100));
  guard.restore({0.01});  // a checkpoint of version 2: one mean for all
  EXPECT_TRUE(counts({0.3, 1.0}, 100));
  EXPECT_FALSE(counts({0.3, 6.0}, 101));
}

TEST(Sampler, KnowsWhenTheSpaceWasExtended) {
  const SearchSpace space = testing::tiny_space();
  const auto sampler =
      make_sampler({.kind = SamplerKind::kSandwich, .progressive = 0.5}, space, 1001, Rng(1));
  int64_t opened = 0;
  for (int64_t step = 1; step < 700; ++step) {
    const int64_t at = sampler->opening_step(step);
    if (at != opened) {
      EXPECT_EQ(at, step);
      opened = at;
    }
  }
  EXPECT_EQ(opened, 501);
  EXPECT_EQ(make_sampler({}, space, 10, Rng(1))->opening_step(7), 0);
}

TEST(Sampler, TrainsTheLargestOnceAStepWhileItIsTheOnlyMember) {
  const SearchSpace space = testing::tiny_space();
  const auto sampler = make_sampler(
      {.kind = SamplerKind::kSandwich, .random = 2, .progressive = 0.5}, space, 600, Rng(1));
  EXPECT_EQ(sampler->draw(99).size(), 1U);
  EXPECT_EQ(sampler->draw(100).size(), 4U);
}

TEST(Sampler, ValidationEvaluatesTheTrainedSizes) {
  const SearchSpace space = testing::tiny_space();
  const auto names = [&](SamplerKind kind) {
    std::vector<std::string> roles;
    for (const auto& size : make_sampler({.kind = kind}, space, 10, Rng(1))->sizes()) {
      roles.push_back(size.role);
    }
    return roles;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(names(SamplerKind::kLargest), Names({"largest"}));
  EXPECT_EQ(names(SamplerKind::kWhole), Names({"whole"}));
  EXPECT_EQ(names(SamplerKind::kSandwich), Names({"largest", "default", "smallest"}));
}

}  // namespace
}  // namespace concertina
