#include "eval/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
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

TEST(Paired, OneSystemDoesNotDifferFromItself) {
  const std::vector<double> hits = {1, 0, 1, 1, 0}, totals(5, 1.0);
  const PairedTest test = paired_hit_rates({hits, totals}, {hits, totals}, Rng(1));
  EXPECT_EQ(test.difference, 0);
  EXPECT_EQ(test.interval.low, 0);
  EXPECT_EQ(test.interval.high, 0);
  EXPECT_EQ(test.p, 1);
}

// 1,000 clips, of which the first system alone gets 60 and the second alone 30: the standard error of
// the difference is sqrt(0.09 - 0.03^2) / sqrt(1000), and p that of a normal 3.18 deviations off.
TEST(Paired, IntervalAndPAreThoseOfTheDifferencesOfClips) {
  std::vector<double> a(1000, 0.0), b(1000, 0.0);
  const std::vector<double> totals(1000, 1.0);
  for (size_t i = 0; i < 560; ++i) a[i] = 1;
  for (size_t i = 60; i < 590; ++i) b[i] = 1;
  const PairedTest test = paired_hit_rates({a, totals}, {b, totals}, Rng(1), 20000);
  EXPECT_NEAR(test.difference, 0.03, 1e-12);
  const double error = std::sqrt((0.09 - 0.0009) / 1000);
  EXPECT_NEAR(test.interval.low, 0.03 - 1.96 * error, 0.0012);
  EXPECT_NEAR(test.interval.high, 0.03 + 1.96 * error, 0.0012);
  EXPECT_NEAR(test.p, 0.00147, 0.0012);
  const Interval alone = bootstrap_hit_rate(a, totals, Rng(1));
  EXPECT_GT(alone.high - alone.low, 1.5 * (test.interval.high - test.interval.low));
  const PairedTest other = paired_hit_rates({b, totals}, {a, totals}, Rng(1), 20000);
  EXPECT_EQ(other.difference, -test.difference);
  EXPECT_EQ(other.p, test.p);
}

TEST(Paired, ClipsWeighTheirFrames) {
  const std::vector<double> a = {1, 8}, b = {2, 4}, totals = {2, 8};
  EXPECT_NEAR(paired_hit_rates({a, totals}, {b, totals}, Rng(1)).difference, 0.3, 1e-12);
}

TEST(Paired, VerificationScoresEachTrialByBoth) {
  Rng rng(4);
  std::vector<VerificationTrial> a, b;
  for (int32_t i = 0; i < 1200; ++i) {
    const bool target = i % 2 == 0;
    const double noise = rng.normal();
    a.push_back({rng.below(100), rng.below(100), target, noise + (target ? 2.0 : 0)});
    b.push_back(a.back());
    b.back().score = noise + 0.05 * rng.normal() + (target ? 1.2 : 0);
  }
  const PairedVerification test = paired_verification(a, b, 100, Rng(5), 400);
  EXPECT_DOUBLE_EQ(test.equal_error_rate.difference, equal_error_rate(a) - equal_error_rate(b));
  EXPECT_LT(test.equal_error_rate.interval.high, 0);
  EXPECT_LT(test.equal_error_rate.p, 0.02);
  EXPECT_DOUBLE_EQ(test.min_detection_cost.difference,
                   min_detection_cost(a) - min_detection_cost(b));
  const PairedVerification same = paired_verification(a, a, 100, Rng(5), 50);
  EXPECT_EQ(same.equal_error_rate.p, 1);
}

}  // namespace
}  // namespace concertina
