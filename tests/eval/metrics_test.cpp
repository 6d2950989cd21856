#include "eval/metrics.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/files.h"

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

// tests/parity/golden/verification.py computes them from the definitions, in exact fractions.
TEST(Verification, EqualsTheDefinitionsOnCommittedCases) {
  const auto cases = nlohmann::json::parse(
      read_text(std::filesystem::path(CONCERTINA_SOURCE_DIR) / "tests/eval/verification.json"));
  ASSERT_EQ(cases.size(), 4u);
  for (const auto& each : cases) {
    const auto all = trials(each.at("targets"), each.at("others"));
    EXPECT_NEAR(equal_error_rate(all), each.at("eer").get<double>(), 1e-12);
    for (const auto& cost : each.at("min_dcf")) {
      const double value = min_detection_cost(
          all, {cost.at("p_target"), cost.at("c_miss"), cost.at("c_false_alarm")});
      EXPECT_NEAR(value, cost.at("value").get<double>(), 1e-12) << cost;
    }
    EXPECT_EQ(min_detection_cost(all),
              min_detection_cost(all, {.p_target = 0.01, .c_miss = 1, .c_false_alarm = 1}));
  }
}

TEST(MinDetectionCost, KnownValues) {
  EXPECT_DOUBLE_EQ(min_detection_cost(trials({3, 4}, {1, 2})), 0);
  EXPECT_DOUBLE_EQ(min_detection_cost(trials({1, 2}, {3, 4})), 1);  // rejects all
  EXPECT_DOUBLE_EQ(min_detection_cost(trials({1, 1}, {1, 1})), 1);
  EXPECT_DOUBLE_EQ(min_detection_cost(trials({1}, {})), 1);
  // Half of the targets are missed where no other is accepted.
  EXPECT_DOUBLE_EQ(min_detection_cost(trials({1, 5}, {0, 2})), 0.5);
  // One false alarm in 200 costs 0.99 / 0.01 / 200 and saves the miss.
  std::vector<double> others(200, 0.0);
  others[0] = 2;
  EXPECT_NEAR(min_detection_cost(trials({1, 5}, others)), 0.495, 1e-12);
}

TEST(EqualErrorRate, BootstrapHoldsTheValue) {
  Rng rng(2);
  std::vector<VerificationTrial> all;
  for (int32_t i = 0; i < 400; ++i) {
    const bool target = i % 2 == 0;
    all.push_back({rng.below(80), rng.below(80), target, rng.normal() + (target ? 1.5 : 0)});
  }
  const double value = equal_error_rate(all);
  const auto [interval, of_cost] = bootstrap_verification(all, 80, Rng(3));
  EXPECT_LT(interval.low, value);
  EXPECT_GT(interval.high, value);
  EXPECT_LT(interval.high - interval.low, 0.3);
  EXPECT_LE(of_cost.low, min_detection_cost(all));
  EXPECT_GE(of_cost.high, min_detection_cost(all));
  EXPECT_LE(of_cost.high, 1);
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
