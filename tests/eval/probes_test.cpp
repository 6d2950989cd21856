#include "eval/probes.h"

#include <gtest/gtest.h>

#include <array>

namespace concertina {
namespace {

constexpr int64_t kClasses = 4, kWidth = 12;

struct Data {
  at::Tensor x, y;
};

// Gaussians with one full covariance, far from the origin.
Data gaussians(int64_t n, double spread, uint64_t seed) {
  at::Generator world = at::make_generator<at::CPUGeneratorImpl>(99);
  const at::Tensor means = at::empty({kClasses, kWidth}).normal_(0, spread, world);
  const at::Tensor mix = at::empty({kWidth, kWidth}).normal_(0, 0.5, world) + at::eye(kWidth);
  at::Generator draws = at::make_generator<at::CPUGeneratorImpl>(seed);
  const at::Tensor y =
      at::empty({n}).uniform_(0, kClasses, draws).floor().to(at::kLong).clamp(0, kClasses - 1);
  const at::Tensor noise = at::empty({n, kWidth}).normal_(0, 1, draws).mm(mix);
  return {means.index_select(0, y) + noise + 40, y};
}

ProbeSums sums_of(const Data& data, int64_t batch) {
  ProbeSums sums(kClasses);
  for (int64_t i = 0; i < data.x.size(0); i += batch) {
    const int64_t n = std::min(batch, data.x.size(0) - i);
    sums.add(data.x.narrow(0, i, n), data.y.narrow(0, i, n));
  }
  return sums;
}

double accuracy(const LinearProbe& probe, const Data& data) {
  return probe.scores(data.x).argmax(1).eq(data.y).to(at::kDouble).mean().item<double>();
}

double relative(const at::Tensor& a, const at::Tensor& b) {
  return ((a - b).norm() / b.norm()).item<double>();
}

TEST(Probes, StreamingEqualsBatch) {
  const Data data = gaussians(3000, 1, 1);
  for (const ProbeKind kind : {ProbeKind::kRidge, ProbeKind::kLda}) {
    const std::array<double, 2> shrinkages = {1e-2, 1e-3};
    const auto whole = solve_probes(sums_of(data, 3000), kind, shrinkages);
    const auto streamed = solve_probes(sums_of(data, 77), kind, shrinkages);
    for (size_t k = 0; k < whole.size(); ++k) {
      EXPECT_LT(relative(streamed[k].weight, whole[k].weight), 1e-4);
      EXPECT_LT(relative(streamed[k].scores(data.x), whole[k].scores(data.x)), 1e-4);
    }
  }
}

TEST(Probes, RidgeEqualsLeastSquaresOnAugmentedRows) {
  const Data data = gaussians(2000, 1, 2);
  const double shrinkage = 0.05;
  const at::Tensor x = data.x.to(at::kDouble);
  const at::Tensor mean = x.mean(0), deviation = x.std(0, false);
  const at::Tensor unit = (x - mean) / deviation;
  const at::Tensor targets = at::one_hot(data.y, kClasses).to(at::kDouble);
  const at::Tensor offset = targets.mean(0);
  const double penalty = std::sqrt(shrinkage * static_cast<double>(x.size(0)));
  const at::Tensor rows = at::cat({unit, penalty * at::eye(kWidth, at::kDouble)});
  const at::Tensor right = at::cat({targets - offset, at::zeros({kWidth, kClasses}, at::kDouble)});
  const at::Tensor solution = std::get<0>(at::linalg_lstsq(rows, right));
  const at::Tensor expected = unit.mm(solution) + offset;

  const auto probes = solve_probes(sums_of(data, 500), ProbeKind::kRidge, std::array{shrinkage});
  EXPECT_LT(relative(probes[0].scores(data.x).to(at::kDouble), expected), 1e-4);
}

TEST(Probes, LdaEqualsTheDiscriminantsOfItsDefinition) {
  const Data data = gaussians(2000, 1, 3);
  const double shrinkage = 0.1;
  const at::Tensor x = data.x.to(at::kDouble);
  const at::Tensor unit = (x - x.mean(0)) / x.std(0, false);
  std::vector<at::Tensor> means;
  at::Tensor within = at::zeros({kWidth, kWidth}, at::kDouble);
  at::Tensor prior = at::zeros({kClasses}, at::kDouble);
  for (int64_t c = 0; c < kClasses; ++c) {
    const at::Tensor members = unit.index_select(0, data.y.eq(c).nonzero().squeeze(1));
    means.push_back(members.mean(0));
    const at::Tensor centred = members - means.back();
    within += centred.t().mm(centred) / static_cast<double>(x.size(0));
    prior[c] = static_cast<double>(members.size(0)) / static_cast<double>(x.size(0));
  }
  const at::Tensor shrunk = (1 - shrinkage) * within +
                            shrinkage * within.diagonal().mean() * at::eye(kWidth, at::kDouble);
  const at::Tensor m = at::stack(means);
  const at::Tensor inverse = at::linalg_inv(shrunk);
  const at::Tensor expected =
      unit.mm(inverse).mm(m.t()) - 0.5 * m.mm(inverse).mul(m).sum(1) + prior.log();

  const auto probes = solve_probes(sums_of(data, 500), ProbeKind::kLda, std::array{shrinkage});
  EXPECT_LT(relative(probes[0].scores(data.x).to(at::kDouble), expected), 1e-4);
}

TEST(Probes, SeparateWhatIsSeparable) {
  const Data training = gaussians(4000, 6, 4), unseen = gaussians(1000, 6, 5);
  const ProbeSums sums = sums_of(training, 1000);
  const auto lda = solve_probes(sums, ProbeKind::kLda, default_shrinkages(ProbeKind::kLda));
  EXPECT_GT(accuracy(lda.back(), unseen), 0.98);
  const Data hard = gaussians(4000, 0.01, 6);
  const auto chance = solve_probes(sums_of(hard, 1000), ProbeKind::kLda, std::array{0.1});
  EXPECT_LT(accuracy(chance[0], gaussians(1000, 0.01, 7)), 0.4);
}

TEST(Probes, ClassesNeverSeenAreNeverGuessedAndDeadFeaturesDoNoHarm) {
  Data data = gaussians(500, 3, 8);
  data.y = data.y.clamp_max(kClasses - 2);
  data.x.select(1, 0).fill_(7);
  const ProbeSums sums = sums_of(data, 100);
  for (const ProbeKind kind : {ProbeKind::kRidge, ProbeKind::kLda}) {
    for (const LinearProbe& probe : solve_probes(sums, kind, default_shrinkages(kind))) {
      EXPECT_LT(probe.scores(data.x).argmax(1).max().item<int64_t>(), kClasses - 1);
      EXPECT_TRUE(probe.weight.isfinite().all().item<bool>());
    }
  }
}

TEST(Probes, ProjectedSumsAreTheSumsOfProjectedFeatures) {
  const Data data = gaussians(600, 2, 9);
  at::Generator draws = at::make_generator<at::CPUGeneratorImpl>(5);
  const at::Tensor projection = at::empty({kWidth, 5}).normal_(0, 1, draws);
  const ProbeSums projected = sums_of(data, 100).projected(projection.to(at::kDouble));
  const ProbeSums direct = sums_of({data.x.mm(projection), data.y}, 100);
  EXPECT_LT(relative(projected.gram(), direct.gram()), 1e-3);
  EXPECT_EQ(projected.count(), direct.count());
  for (const ProbeKind kind : {ProbeKind::kRidge, ProbeKind::kLda}) {
    const auto a = solve_probes(projected, kind, std::array{1e-2}).front();
    const auto b = solve_probes(direct, kind, std::array{1e-2}).front();
    const at::Tensor x = data.x.mm(projection);
    EXPECT_LT(relative(a.scores(x), b.scores(x)), 1e-3);
  }
}

// Twelve frames of 600 features that nearly agree: the largest eigenvalue is so large that the
// rounding of fp32 products makes others negative by more than the weakest shrinkage.
TEST(Probes, FewFramesOfManyFeaturesHaveAProbe) {
  at::Generator draws = at::make_generator<at::CPUGeneratorImpl>(2);
  const at::Tensor labels = at::arange(12).remainder(2);
  const at::Tensor common = at::empty({12, 1}).normal_(0, 1, draws) + 4 * labels.unsqueeze(1);
  const at::Tensor x = 1000 * (common + 1e-3 * at::empty({12, 600}).normal_(0, 1, draws));
  ProbeSums sums(2);
  for (int64_t i = 0; i < 12; ++i) sums.add(x.narrow(0, i, 1), labels.narrow(0, i, 1));
  for (const ProbeKind kind : {ProbeKind::kRidge, ProbeKind::kLda}) {
    for (const LinearProbe& probe : solve_probes(sums, kind, default_shrinkages(kind))) {
      EXPECT_TRUE(probe.weight.isfinite().all().item<bool>()) << probe.shrinkage;
      EXPECT_GT(accuracy(probe, {x, labels}), 0.9) << probe.shrinkage;
    }
  }
}

TEST(LinearProbe, WithOneFrameOfEachClassTheNearestMeanIsChosen) {
  const Data all = gaussians(200, 8, 1);
  ProbeSums sums(kClasses);
  std::vector<at::Tensor> firsts;
  for (int64_t c = 0; c < kClasses; ++c)
    firsts.push_back(all.x[all.y.eq(c).nonzero()[0].item<int64_t>()]);
  const Data one{at::stack(firsts), at::arange(kClasses)};
  sums.add(one.x, one.y);
  for (const LinearProbe& probe :
       solve_probes(sums, ProbeKind::kLda, default_shrinkages(ProbeKind::kLda)))
    EXPECT_EQ(accuracy(probe, one), 1) << probe.shrinkage;
}

}  // namespace
}  // namespace concertina
