#include <gmock/gmock.h>

#include <set>

#include "core/errors.h"
#include "study/latency/features.h"
#include "study/latency/model.h"
#include "supernet/space/blueprint_config.h"
#include "supernet/space/cost.h"
#include "tests/search/formulas.h"
#include "tests/study/studies.h"

namespace concertina {
namespace {

// A machine with 40 GMAC/s, a fixed cost, and `noise` (relative, uniform).
LatencyPoint timed(const SearchSpace& space, const Architecture& architecture, double noise,
                   Rng& rng) {
  const double macs = static_cast<double>(cost_of(space.blueprint(), architecture, 64000).macs);
  const double ms =
      (1.5 + macs / 4e7 + 0.2 * architecture.depth()) * (1 + noise * rng.uniform(-1, 1));
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
  const LatencyModel model = LatencyModel::fit(space.blueprint(), profile(40, 0.03, 1));
  EXPECT_LT(model.held_out()->mape, 0.04);
  EXPECT_GT(model.held_out()->kendall_tau, 0.9);
  EXPECT_EQ(model.held_out()->points, 40);
  double error = 0;
  const auto unseen = profile(100, 0, 2);
  for (const LatencyPoint& p : unseen)
    error += std::abs(model.predict_ms(p.architecture) - p.p50_ms) / p.p50_ms;
  EXPECT_LT(error / 100, 0.03);
}

TEST(LatencyModel, HeldOutErrorIsNotTheTrainingError) {  // pure noise cannot be predicted
  auto points = profile(30, 0, 3);
  Rng rng(5);
  for (LatencyPoint& p : points) p.p50_ms = rng.uniform(5, 15);
  const LatencyModel model = LatencyModel::fit(pocket_space().blueprint(), points);
  EXPECT_GT(model.held_out()->mape, 0.15);
  EXPECT_LT(std::abs(model.held_out()->kendall_tau), 0.5);
}

// On noise the model predicts the mean; an error that also chose the penalty would be lower than
// that of new subnets.
TEST(LatencyModel, TheStoredErrorIsThatOfNewSubnets) {
  const Blueprint blueprint = pocket_space().blueprint();
  double stored = 0, found = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const LatencyModel model = LatencyModel::fit(blueprint, profile(20, 0.3, seed));
    stored += model.held_out()->mape / 20;
    const auto unseen = profile(100, 0.3, 1000 + seed);
    for (const LatencyPoint& p : unseen)
      found += std::abs(model.predict_ms(p.architecture) - p.p50_ms) / p.p50_ms / 2000;
  }
  EXPECT_GT(stored, 0.97 * found);
  EXPECT_LT(stored, 1.2 * found);
}

TEST(LatencyModel, TheIntervalHoldsNewTimes) {
  const LatencyModel model = LatencyModel::fit(pocket_space().blueprint(), profile(200, 0.1, 1));
  int64_t inside = 0;
  const auto unseen = profile(500, 0.1, 2);
  for (const LatencyPoint& p : unseen) {
    const double ratio = p.p50_ms / model.predict_ms(p.architecture);
    inside += ratio >= model.held_out()->low && ratio <= model.held_out()->high;
  }
  EXPECT_NEAR(static_cast<double>(inside) / 500, 0.9, 0.05);
}

TEST(LatencyModel, TimesOfOneSubnetAreHeldOutTogether) {
  const Blueprint blueprint = pocket_space().blueprint();
  auto points = profile(20, 0, 3);
  Rng rng(5);
  for (LatencyPoint& p : points) p.p50_ms = rng.uniform(5, 15);  // nothing to learn
  const double once = LatencyModel::fit(blueprint, points).held_out()->mape;
  const auto again = points;
  points.insert(points.end(), again.begin(), again.end());
  EXPECT_NEAR(LatencyModel::fit(blueprint, points).held_out()->mape, once, 1e-9);
}

// A slow small net and a fast large one, as on a busy machine.
std::vector<LatencyPoint> misleading_profile() {
  auto points = profile(16, 0.1, 4);
  const SearchSpace space = pocket_space();
  for (const Architecture& net : {space.smallest(), space.largest()}) {
    points.push_back(points[0]);
    points.back().architecture = net;
    points.back().p50_ms = net == space.smallest() ? 30 : 2;
  }
  return points;
}

TEST(LatencyModel, MoreIsNeverPredictedToBeFaster) {
  const LatencyModel model = LatencyModel::fit(pocket_space().blueprint(), misleading_profile());
  const auto ms = [&](const char* key) { return model.predict_ms(Architecture::parse(key)); };
  EXPECT_LE(ms("e=128 p=20000 L=0-3:1x512"), ms("e=128 p=20000 L=0-3:2x512"));
  EXPECT_LE(ms("e=128 p=20000 L=0-3:2x256"), ms("e=128 p=20000 L=0-3:2x512"));
  EXPECT_LE(ms("e=128 p=20000 L=0-2:2x512"), ms("e=128 p=20000 L=0-3:2x512"));
  EXPECT_LE(ms("e=96 p=20000 L=0-3:2x512"), ms("e=128 p=20000 L=0-3:2x512"));
  EXPECT_LE(ms("e=128 p=20000 L=0-3:2x512w16"), ms("e=128 p=20000 L=0-3:2x512"));
}

// A subnet with a predicted time of 0 would never be dominated.
TEST(LatencyModel, NothingIsFree) {
  const SearchSpace space = pocket_space();
  auto points = profile(12, 0, 1);
  for (LatencyPoint& p : points)  // steeper than the work: an unconstrained line would cross zero
    p.p50_ms = std::pow(p.p50_ms, 4);
  const LatencyModel model = LatencyModel::fit(space.blueprint(), points);
  Rng rng(8);
  for (int i = 0; i < 200; ++i) EXPECT_GT(model.predict_ms(space.sample(rng)), 0);
  EXPECT_GT(model.predict_ms(space.smallest()), 0);
}

TEST(LatencyModel, OneTimeForAllIsThatTime) {
  auto points = profile(12, 0, 1);
  for (LatencyPoint& p : points) p.p50_ms = 1e-3;
  const LatencyModel flat = LatencyModel::fit(pocket_space().blueprint(), points);
  EXPECT_NEAR(flat.predict_ms(pocket_space().largest()), 1e-3, 1e-5);
}

TEST(LatencyModel, ComesBackFromJson) {
  const LatencyModel model = LatencyModel::fit(pocket_space().blueprint(), profile(20, 0.03, 1));
  const LatencyModel copy = LatencyModel::from_json(model.to_json());
  EXPECT_EQ(copy.sha256(), model.sha256());
  EXPECT_EQ(copy.predict_ms(pocket_space().largest()), model.predict_ms(pocket_space().largest()));
  EXPECT_EQ(copy.workload().seconds, 4.0);
  EXPECT_EQ(copy.held_out(), model.held_out());
  for (const char* text : {"", "[]", "{}", R"({"format":9})"})
    EXPECT_THROW(LatencyModel::from_json(text), InputError);
}

// A model of format 1 keeps its predictions to the bit and its hash, and has no stored error.
TEST(LatencyModel, ReadsFormat1) {
  const Blueprint blueprint = pocket_space().blueprint();
  std::string weights = "[0.0,0.0,2.0", ones = "[1.0";  // projection_macs
  for (int i = 3; i < 14; ++i) weights += ",0.0";
  for (int i = 1; i < 14; ++i) ones += ",1.0";
  const std::string names =
      R"(["front_end_macs","front_end_elements","projection_macs","positional_macs","input_elements",)"
      R"("rate_elements","attention_linear_macs","attention_score_macs","attention_map_elements",)"
      R"("ffn_macs","layer_elements","ffn_elements","attention_halves","ffn_halves"])";
  const std::string text = R"({"blueprint":)" + json_of(blueprint) +
                           R"(,"device":"a CPU","dtype":"fp32","features":)" + names +
                           R"(,"format":1,"intercept":5.0,"mean":)" + ones + R"(],"scale":)" +
                           ones + R"(],"seconds":1.0,"threads":1,"weights":)" + weights + "]}";
  const LatencyModel model = LatencyModel::from_json(text);
  EXPECT_FALSE(model.held_out());
  EXPECT_EQ(LatencyModel::from_json(model.to_json()).to_json(), model.to_json());
  // 49 frames before the rate unit, also where the period is doubled.
  EXPECT_EQ(model.predict_ms(Architecture::parse("e=128 p=40000 L=0-3:2x512")),
            5 + 2 * (49.0 * 160 * 128 - 1));
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

// The MACs of the features sum to those that the program reports.
TEST(LatencyFeatures, TheirMacsAreTheCostsMacs) {
  Rng rng(3);
  Blueprint joined, reuse, wavlm;
  joined.rate = RateKind::kLinear;
  reuse.attention_reuse = {1, 3};
  wavlm.relative_position.buckets = 320;
  const auto check = [](const Blueprint& blueprint, const Architecture& net) {
    const std::vector<double> values = latency_features(blueprint, net, 64000);
    const std::vector<std::string>& names = latency_feature_names();
    ASSERT_EQ(values.size(), names.size());
    double macs = 0;
    for (size_t i = 0; i < names.size(); ++i) macs += names[i].ends_with("_macs") ? values[i] : 0;
    EXPECT_EQ(macs, static_cast<double>(cost_of(blueprint, net, 64000).macs)) << net.key();
  };
  const SearchSpace pocket = pocket_space();
  for (int i = 0; i < 20; ++i) check(pocket.blueprint(), pocket.sample(rng));
  for (const char* period : {"20000", "40000"})
    check(joined, Architecture::parse(std::string("c=512 e=768 L=0-3:12x3072 p=") + period));
  check(reuse, Architecture::parse("c=512 e=768 L=0-3:12x3072 p=20000"));
  check(wavlm, Architecture::parse("c=512 e=768 L=0-3:12x3072 p=20000"));
}

TEST(KendallTau, KnownValues) {
  const std::vector<double> a = {1, 2, 3, 4};
  EXPECT_DOUBLE_EQ(kendall_tau(a, a), 1);
  EXPECT_DOUBLE_EQ(kendall_tau(a, std::vector<double>{4, 3, 2, 1}), -1);
  EXPECT_DOUBLE_EQ(kendall_tau(a, std::vector<double>{1, 3, 2, 4}), 4.0 / 6);
  // tau-b: one tie.
  EXPECT_DOUBLE_EQ(kendall_tau(a, std::vector<double>{1, 2, 2, 3}), 5 / std::sqrt(30.0));
  EXPECT_DOUBLE_EQ(kendall_tau(a, std::vector<double>{1, 1, 1, 1}), 0);
}

}  // namespace
}  // namespace concertina
