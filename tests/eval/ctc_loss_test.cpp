// CTC by sums of scaled probabilities; golden cases are in ctc_probe_test.cpp.
#include "eval/ctc_loss.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <tuple>

namespace concertina {
namespace {

CtcPosteriors of_tensor(const at::Tensor& log_p, const std::vector<int64_t>& symbols) {
  const at::Tensor rows = log_p.to(at::kFloat).contiguous();
  return ctc_posteriors({rows.const_data_ptr<float>(), static_cast<size_t>(rows.numel())},
                        rows.size(1), symbols);
}

// LibTorch's loss of sums of logarithms, in double.
double loss_of_logarithms(const at::Tensor& log_p, const std::vector<int64_t>& symbols) {
  return std::get<0>(at::_ctc_loss(log_p.to(at::kDouble).unsqueeze(1), at::tensor(symbols),
                                   {log_p.size(0)}, {std::ssize(symbols)}, kBlank, true))
      .item<double>();
}

at::Tensor random_log_p(int64_t frames, int64_t classes, double spread) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(3);
  return at::log_softmax(at::empty({frames, classes}).normal_(0, spread, generator), 1);
}

TEST(CtcLoss, OfAClipOfUsualLengthIsThatOfLogarithms) {
  std::vector<int64_t> symbols;
  for (int64_t k = 0; k < 90; ++k) symbols.push_back(1 + (k * k / 3) % 40);
  for (const double spread : {0.1, 1.0, 8.0}) {
    const at::Tensor log_p = random_log_p(400, 41, spread);
    const CtcPosteriors own = of_tensor(log_p, symbols);
    const double expected = loss_of_logarithms(log_p, symbols);
    EXPECT_NEAR(own.loss, expected, 1e-5 * expected) << spread;
  }
}

TEST(CtcLoss, SharesOfAFrameSumToOneAndSumOverFramesToTheirUse) {
  const at::Tensor log_p = random_log_p(30, 6, 2);
  CtcPosteriors own = of_tensor(log_p, {1, 2, 2, 5});
  const at::Tensor shares = at::from_blob(own.shares.data(), {30, 6});
  EXPECT_TRUE(at::allclose(shares.sum(1), at::ones({30})));
  EXPECT_EQ(shares.select(1, 3).max().item<double>(), 0);
  EXPECT_GE(shares.select(1, 2).sum().item<double>(), 2 - 1e-5);
}

// Almost all of each frame is a blank, so 20 symbols in 60 frames have a probability near e^-2400,
// and the frames before and after them underflow in double.
TEST(CtcLoss, WhereProbabilitiesUnderflowIsThatOfLogarithms) {
  at::Tensor logits = at::zeros({60, 4});
  logits.select(1, kBlank).fill_(120);
  const at::Tensor log_p = at::log_softmax(logits, 1);
  const std::vector<int64_t> symbols = {1, 2, 3, 3, 1, 2, 1, 3, 2, 1, 1, 2, 3, 1, 3, 2, 1, 2, 3, 1};
  const CtcPosteriors own = of_tensor(log_p, symbols);
  const double expected = loss_of_logarithms(log_p, symbols);
  EXPECT_GT(expected, 2000);
  EXPECT_NEAR(own.loss, expected, 1e-6 * expected);
  double of_symbols = 0;
  for (size_t i = 0; i < own.shares.size(); ++i) of_symbols += i % 4 == 0 ? 0.0 : own.shares[i];
  EXPECT_NEAR(of_symbols, 20, 1e-3);
}

TEST(CtcLoss, OfTooFewFramesIsInfinite) {
  const at::Tensor log_p = random_log_p(3, 3, 1);
  EXPECT_TRUE(std::isfinite(of_tensor(log_p, {1, 2, 1}).loss));
  for (const std::vector<int64_t>& symbols : {std::vector<int64_t>{1, 1, 2}, {1, 2, 1, 2}}) {
    const CtcPosteriors own = of_tensor(log_p, symbols);
    EXPECT_TRUE(std::isinf(own.loss));
    EXPECT_TRUE(own.shares.empty());
  }
}

TEST(CtcLoss, OfValuesThatAreNotFiniteIsInfinite) {
  const CtcPosteriors own = of_tensor(at::full({4, 3}, std::nan("")), {1});
  EXPECT_TRUE(std::isinf(own.loss));
  EXPECT_TRUE(own.shares.empty());
}

}  // namespace
}  // namespace concertina
