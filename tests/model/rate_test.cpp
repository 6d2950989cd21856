#include "supernet/nn/rate.h"

#include <gtest/gtest.h>

#include "tests/model/models.h"

namespace concertina {
namespace {

TEST(Cif, EveryOutputFrameHasUnitWeightAndLengthIsExact) {
  const at::Tensor alpha = at::rand({3, 50}) + 0.01;
  const at::Tensor target = at::tensor({25, 12, 50}, at::kLong);
  const Compression c = cif(alpha, target);
  for (int64_t b = 0; b < 3; ++b) {
    const int64_t n = target[b].item<int64_t>();
    EXPECT_LE((c.forward[b].narrow(0, 0, n).sum(1) - 1).abs().max().item<double>(), 1e-5);
    EXPECT_LE(c.forward[b].narrow(0, n, 50 - n).abs().sum().item<double>(), 1e-5);
    EXPECT_LE((c.back[b].sum(1) - 1).abs().max().item<double>(), 1e-5);
  }
}

TEST(Cif, NoCompressionIsTheIdentity) {
  const Compression c = cif(at::full({1, 20}, 0.3), at::tensor({20}, at::kLong));
  EXPECT_LE(testing::max_difference(c.forward[0], at::eye(20)), 1e-6);
  EXPECT_LE(testing::max_difference(c.back[0], at::eye(20)), 1e-6);
}

TEST(Cif, PaddingCarriesNoWeight) {
  at::Tensor alpha = at::rand({1, 30}) + 0.1;
  alpha.narrow(1, 20, 10).zero_();
  const Compression c = cif(alpha, at::tensor({10}, at::kLong));
  EXPECT_LE(c.forward.narrow(2, 20, 10).abs().sum().item<double>(), 1e-6);
}

TEST(Cif, GradientMatchesFiniteDifferences) {
  at::Tensor alpha = (at::rand({1, 12}, at::kDouble) + 0.2).requires_grad_();
  const at::Tensor target = at::tensor({5}, at::kLong);
  const at::Tensor frames = at::randn({1, 12, 3});
  const auto loss = [&](const at::Tensor& a) {
    return cif(a, target).forward.matmul(frames).sin().sum();
  };
  loss(alpha).backward();
  constexpr double kStep = 1e-3;
  for (int64_t t = 0; t < 12; ++t) {
    at::Tensor up = alpha.detach().clone(), down = alpha.detach().clone();
    up[0][t] += kStep;
    down[0][t] -= kStep;
    const double slope = (loss(up) - loss(down)).item<double>() / (2 * kStep);
    EXPECT_NEAR(alpha.grad()[0][t].item<double>(), slope, 5e-3) << "frame " << t;
  }
}

// Two frames become one; the odd tail is dropped on the way there and takes the last on the way
// back.
TEST(JoinFrames, MeansOfPairsAndBackMap) {
  const at::Tensor frames = at::arange(10, at::kFloat).view({1, 5, 2});
  const at::Tensor joined = join_frames(frames, 2, {});
  EXPECT_TRUE(at::equal(joined, at::tensor({1.f, 2.f, 5.f, 6.f}).view({1, 2, 2})));
  const at::Tensor back = joined_back_map(5, 2, at::tensor({2, 1}, at::kLong), at::kCPU);
  const at::Tensor slots = back.argmax(2);
  EXPECT_TRUE(at::equal(slots, at::tensor({0, 0, 1, 1, 1, 0, 0, 0, 0, 0}, at::kLong).view({2, 5})));
  EXPECT_TRUE(at::equal(back.sum(2), at::ones({2, 5})));
}

TEST(JoinFrames, ConvAndLinearAreOneLayerInTwoLayouts) {
  const at::Tensor x = at::randn({2, 7, 4});
  const at::Tensor conv = at::randn({4, 4, 3}), bias = at::randn({4});
  const at::Tensor rows = conv.permute({0, 2, 1}).reshape({4, 12});
  EXPECT_TRUE(
      at::allclose(join_frames(x, 3, {conv, bias}), join_frames(x, 3, {rows, bias}), 1e-5, 1e-5));
  EXPECT_EQ(join_frames(x.narrow(1, 0, 2), 3, {conv, bias}).size(1), 1) << "filled up with zeros";
}

}  // namespace
}  // namespace concertina
