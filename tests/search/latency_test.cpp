#include <gmock/gmock.h>

#include <set>

#include "core/errors.h"
#include "search/latency_model.h"
#include "tests/search/formulas.h"

namespace concertina {
namespace {

// A machine with 40 GMAC/s, a fixed cost, and `noise` (relative, uniform).
LatencyPoint timed(const SearchSpace& space, const Architecture& architecture, double noise, Rng& rng) {
  const double macs = static_cast<double>(cost_of(space.blueprint(), architecture, 64000).macs);
  const double ms = (1.5 + macs / 4e7 + 0.2 * architecture.depth()) * (1 + noise * rng.uniform(-1, 1));
  return {architecture, "a CPU", 1, 4.0, "fp32", 20, ms, ms, ms, 0};
}

std::vector<LatencyPoint> profile(int64_t count, double noise, uint64_t seed) {
  const SearchSpace space = pocket_space();
  Rng rng(seed);
  std::vector<LatencyPoint> points;
  for (int64_t i = 0; i < count; ++i) points.push_back(timed(space, space.sample(rng), noise, rng));
  return points;
}

TEST(LatencyModel, PredictsSubnetsItHasNotSeen) {
  const SearchSpace space = pocket_space();
  LatencyFit quality;
  const LatencyModel model = LatencyModel::fit(space.blueprint(), profile(40, 0.03, 1), &quality);
  EXPECT_LT(quality.mape, 0.04);
  EXPECT_GT(quality.kendall_tau, 0.9);
  EXPECT_EQ(quality.points, 40);
  double error = 0;
  const auto unseen = profile(100, 0, 2);
  for (const LatencyPoint& p : unseen) error += std::abs(model.predict_ms(p.architecture) - p.p50_ms) / p.p50_ms;
  EXPECT_LT(error / 100, 0.03);
}

TEST(LatencyModel, HeldOutErrorIsNotTheTrainingError) {  // pure noise cannot be predicted
  auto points = profile(30, 0, 3);
  Rng rng(5);
  for (LatencyPoint& p : points) p.p50_ms = rng.uniform(5, 15);
  LatencyFit quality;
  LatencyModel::fit(pocket_space().blueprint(), points, &quality);
  EXPECT_GT(quality.mape, 0.15);
  EXPECT_LT(std::abs(quality.kendall_tau), 0.5);
}

TEST(LatencyModel, ComesBackFromJson) {
  const LatencyModel model = LatencyModel::fit(pocket_space().blueprint(), profile(20, 0.03, 1));
  const LatencyModel copy = LatencyModel::from_json(model.to_json());
  EXPECT_EQ(copy.sha256(), model.sha256());
  EXPECT_EQ(copy.predict_ms(pocket_space().largest()), model.predict_ms(pocket_space().largest()));
  EXPECT_EQ(copy.workload().seconds, 4.0);
  for (const char* text : {"", "[]", "{}", R"({"format":9})"}) EXPECT_THROW(LatencyModel::from_json(text), InputError);
}

TEST(LatencyModel, IsNeverNegative) {
  auto points = profile(12, 0, 1);
  for (size_t i = 0; i < points.size(); ++i) points[i].p50_ms = 1e-3;
  const LatencyModel flat = LatencyModel::fit(pocket_space().blueprint(), points);
  EXPECT_NEAR(flat.predict_ms(pocket_space().largest()), 1e-3, 1e-9);
  EXPECT_GE(flat.predict_ms(pocket_space().smallest()), 0);
}

TEST(LatencyModel, RefusesWhatCannotBeFitted) {
  const Blueprint blueprint = pocket_space().blueprint();
  EXPECT_THROW(LatencyModel::fit(blueprint, profile(7, 0, 1)), InputError);
  auto mixed = profile(10, 0, 1);
  mixed[3].threads = 2;
  EXPECT_THROW(LatencyModel::fit(blueprint, mixed), InputError);
  auto zero = profile(10, 0, 1);
  zero[3].p50_ms = 0;
  EXPECT_THROW(LatencyModel::fit(blueprint, zero), InputError);
}

TEST(KendallTau, KnownValues) {
  const std::vector<double> a = {1, 2, 3, 4};
  EXPECT_DOUBLE_EQ(kendall_tau(a, a), 1);
  EXPECT_DOUBLE_EQ(kendall_tau(a, std::vector<double>{4, 3, 2, 1}), -1);
  EXPECT_DOUBLE_EQ(kendall_tau(a, std::vector<double>{1, 3, 2, 4}), 4.0 / 6);
  EXPECT_DOUBLE_EQ(kendall_tau(a, std::vector<double>{1, 2, 2, 3}), 5 / std::sqrt(30.0));  // tau-b: one tie
  EXPECT_DOUBLE_EQ(kendall_tau(a, std::vector<double>{1, 1, 1, 1}), 0);
}

}  // namespace
}  // namespace concertina
