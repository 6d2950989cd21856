#include "eval/metrics.h"

#include <gtest/gtest.h>

namespace concertina {
namespace {

std::vector<VerificationTrial> trials(const std::vector<double>& targets,
                                      const std::vector<double>& others) {
  std::vector<VerificationTrial> all;
  for (const double score : targets) all.push_back({0, 1, true, score});
  for (const double score : others) all.push_back({0, 1, false, score});
  return all;
}

TEST(EqualErrorRate, KnownValues) {
  EXPECT_DOUBLE_EQ(equal_error_rate(trials({3, 4}, {1, 2})), 0);
  EXPECT_DOUBLE_EQ(equal_error_rate(trials({1, 2}, {3, 4})), 1);
  EXPECT_DOUBLE_EQ(equal_error_rate(trials({1, 1}, {1, 1})), 0.5);
  EXPECT_DOUBLE_EQ(equal_error_rate(trials({1, 3, 4, 5}, {0, 0, 0, 2})), 0.25);
  EXPECT_DOUBLE_EQ(equal_error_rate(trials({1}, {})), 0.5);
}

TEST(EqualErrorRate, ShiftedNormals) {
  Rng rng(1);
  std::vector<VerificationTrial> all;
  for (int32_t i = 0; i < 20000; ++i) {
    all.push_back({i, i, true, rng.normal() + 2});
    all.push_back({i, i, false, rng.normal()});
  }
  EXPECT_NEAR(equal_error_rate(all), 0.158655, 0.006);  // Phi(-1)
}

TEST(EqualErrorRate, BootstrapHoldsTheValue) {
  Rng rng(2);
  std::vector<VerificationTrial> all;
  for (int32_t i = 0; i < 400; ++i) {
    const bool target = i % 2 == 0;
    all.push_back({rng.below(80), rng.below(80), target, rng.normal() + (target ? 1.5 : 0)});
  }
  const double value = equal_error_rate(all);
  const Interval interval = bootstrap_equal_error_rate(all, 80, Rng(3));
  EXPECT_LT(interval.low, value);
  EXPECT_GT(interval.high, value);
  EXPECT_LT(interval.high - interval.low, 0.3);
}

TEST(HitRate, BootstrapIsSeededAndAsWideAsTheory) {
  const std::vector<double> totals(400, 1.0);
  std::vector<double> hits(400, 0.0);
  for (size_t i = 0; i < 200; ++i) hits[i] = 1;
  EXPECT_DOUBLE_EQ(hit_rate(hits, totals), 0.5);
  const Interval a = bootstrap_hit_rate(hits, totals, Rng(5));
  const Interval b = bootstrap_hit_rate(hits, totals, Rng(5));
  EXPECT_EQ(a.low, b.low);
  EXPECT_EQ(a.high, b.high);
  EXPECT_NEAR(a.high - a.low, 2 * 1.96 * 0.025, 0.02);
  EXPECT_EQ(bootstrap_hit_rate({}, {}, Rng(5)).high, 0);
}

TEST(HitRate, WeighsClipsByTheirFrames) {
  EXPECT_DOUBLE_EQ(hit_rate(std::vector<double>{1, 0}, std::vector<double>{1, 3}), 0.25);
}

}  // namespace
}  // namespace concertina
