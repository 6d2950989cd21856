#include "eval/paired_sums.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/eval/golden.h"

namespace concertina {
namespace {

constexpr int64_t kPairedRows = 60, kPairedTraining = 40, kPairedWidth = 5, kPairedTargets = 3;

// Of tests/parity/golden/frozen_features.py.
struct PairedRows {
  at::Tensor x, y;

  PairedRows() {
    x = testing::golden_value("features", {kPairedRows, kPairedWidth}) *
            at::arange(1, kPairedWidth + 1) +
        3;
    y = x.mm(testing::golden_value("map", {kPairedWidth, kPairedTargets})) +
        testing::golden_value("noise", {kPairedRows, kPairedTargets});
  }
  PairedSums sums(int64_t first, int64_t end, int64_t batch) const {
    PairedSums sums(at::full({kPairedWidth}, 2.5, at::kDouble), kPairedTargets);
    for (int64_t at = first; at < end; at += batch) {
      const int64_t n = std::min(batch, end - at);
      sums.add(x.narrow(0, at, n).to(at::kFloat), y.narrow(0, at, n).to(at::kFloat));
    }
    return sums;
  }
};

double difference(const at::Tensor& a, const at::Tensor& b) {
  return ((a - b).norm() / b.norm()).item<double>();
}

TEST(PairedSums, RidgeEqualsTheGoldenOne) {
  const nlohmann::json golden = testing::golden_scores();
  const PairedRows rows;
  const PairedSums training = rows.sums(0, kPairedTraining, 7),
                   scored = rows.sums(kPairedTraining, kPairedRows, 9);
  for (const auto& expected : golden["ridge"]) {
    const RidgeFit fit =
        fit_ridges(training, std::array{expected["shrinkage"].get<double>()}).front();
    EXPECT_LT(difference(fit.weight.flatten(), testing::golden_tensor(expected["weight"])), 1e-5);
    const at::Tensor bias = fit.bias - training.shift.unsqueeze(0).mm(fit.weight).squeeze(0);
    EXPECT_LT(difference(bias, testing::golden_tensor(expected["bias"])), 1e-5);
    const double r2 =
        1 - (squared_errors(fit, scored).sum() / squared_deviations(scored).sum()).item<double>();
    EXPECT_NEAR(r2, expected["r2"].get<double>(), 1e-5);
  }
}

TEST(PairedSums, CkaAndRankMeEqualTheGoldenOnes) {
  const nlohmann::json golden = testing::golden_scores();
  const PairedRows rows;
  const PairedSums scored = rows.sums(kPairedTraining, kPairedRows, 6);
  const double norm =
      centred_gram_norm(rows.y.narrow(0, kPairedTraining, kPairedRows - kPairedTraining));
  EXPECT_NEAR(linear_cka(scored, norm), golden["cka"].get<double>(), 1e-5);
  EXPECT_NEAR(rankme(scored), golden["rankme"].get<double>(), 1e-4);
}

TEST(PairedSums, PartsAddUpAndComeApart) {
  const PairedRows rows;
  const PairedSums whole = rows.sums(0, kPairedRows, kPairedRows), part = rows.sums(0, 13, 5);
  const PairedSums rest = whole - part, again = rest + part;
  EXPECT_EQ(rest.count, 47);
  EXPECT_LT(difference(rest.xy, rows.sums(13, kPairedRows, 8).xy), 1e-5);
  EXPECT_LT(difference(again.xx, whole.xx), 1e-12);
  EXPECT_LT(difference(narrow_targets(whole, 1, 2).xy, whole.xy.narrow(1, 1, 2)), 1e-12);
}

TEST(PairedSums, ACopyIsASumOfItsOwn) {
  const PairedRows rows;
  PairedSums first = rows.sums(0, 10, 10);
  const PairedSums copy = first;
  first.add(rows.x.to(at::kFloat), rows.y.to(at::kFloat));
  EXPECT_TRUE(at::equal(copy.xx, rows.sums(0, 10, 10).xx));
  EXPECT_EQ(copy.count, 10);
}

TEST(PairedSums, CkaIsOneForARotationAndRankMeIsTheRank) {
  const PairedRows rows;
  const at::Tensor turn =
      std::get<0>(at::linalg_qr(testing::golden_value("turn", {kPairedWidth, kPairedWidth})));
  PairedSums turned(at::zeros({kPairedWidth}, at::kDouble), kPairedWidth);
  const at::Tensor y = rows.x.mm(turn) * 3;
  turned.add(rows.x.to(at::kFloat), y.to(at::kFloat));
  EXPECT_NEAR(linear_cka(turned, centred_gram_norm(y)), 1, 1e-5);

  PairedSums even(at::zeros({4}, at::kDouble), 0);
  even.add(at::eye(4).repeat({8, 1}), at::empty({32, 0}));
  EXPECT_NEAR(rankme(even), 4, 1e-4);
  PairedSums single(at::zeros({4}, at::kDouble), 0);
  single.add(at::ones({32, 4}), at::empty({32, 0}));
  EXPECT_NEAR(rankme(single), 1, 1e-3);
}

// Features of a collapsed student: rounding of fp32 products makes their covariance indefinite.
TEST(PairedSums, NearlyEqualFeaturesDoNoHarm) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(3);
  const auto noise = [&](at::IntArrayRef shape) {
    return at::empty(shape).normal_(0, 1, generator);
  };
  constexpr int64_t kRows = 400, kWidth = 200;
  const at::Tensor y = noise({kRows, 2});
  const at::Tensor x = y.narrow(1, 0, 1) * 30 + noise({kRows, kWidth}) * 1e-4;
  PairedSums sums(at::zeros({kWidth}, at::kDouble), 2);
  sums.add(x, y);
  for (const RidgeFit& fit : fit_ridges(sums, std::array{1e-2, 1e-9})) {
    EXPECT_TRUE(at::isfinite(fit.weight).all().item<bool>());
    const at::Tensor error = squared_errors(fit, sums) / squared_deviations(sums);
    EXPECT_LT(error[0].item<double>(), 0.01);  // what they still tell
  }
}

TEST(PairedSums, AFeatureWithoutVarianceDoesNoHarm) {
  PairedRows rows;
  rows.x.select(1, 2).fill_(7);
  const RidgeFit fit = fit_ridges(rows.sums(0, kPairedRows, kPairedRows), std::array{1e-3}).front();
  EXPECT_TRUE(fit.weight.isfinite().all().item<bool>());
  EXPECT_EQ(fit.weight[2].abs().max().item<double>(), 0);
}

}  // namespace
}  // namespace concertina
