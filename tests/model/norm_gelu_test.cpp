#include "supernet/nn/norm_gelu.h"

#include <gtest/gtest.h>

#include <vector>

#include "supernet/nn/ops.h"
#include "tests/model/models.h"

namespace concertina {
namespace {

using testing::max_difference;

constexpr double kFp32 = 5e-6;
constexpr double kBf16 = 0.02;  // two roundings of values up to about 4

at::Tensor uneven(at::IntArrayRef sizes, uint64_t seed) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return at::empty(sizes).normal_(0.3, 1.5, generator);
}

Affine norm_of(int64_t width) { return {uneven({width}, 11), uneven({width}, 12)}; }

// ATen's own group norm takes [B, C, T].
at::Tensor group_norm_gelu(const at::Tensor& x, const Affine& norm) {
  return at::gelu(at::group_norm(x.transpose(1, 2), x.size(2), norm.weight, norm.bias, kNormEps))
      .transpose(1, 2);
}

TEST(LayerNormGelu, EqualsTheTwoOperations) {
  for (const int64_t width : {1, 7, 64, 512}) {
    const at::Tensor x = uneven({3, 37, width}, 1);
    const Affine norm = norm_of(width);
    const at::Tensor expected = at::gelu(layer_norm(x, norm));
    EXPECT_LE(max_difference(layer_norm_gelu(x.clone(), norm), expected), kFp32) << width;
    const at::Tensor low = layer_norm_gelu(x.to(at::kBFloat16), norm);
    EXPECT_EQ(low.scalar_type(), at::kBFloat16);
    EXPECT_LE(max_difference(low.to(at::kFloat), expected), 4 * kBf16) << width;
  }
}

TEST(FastGelu, IsGeluEverywhere) {
  const at::Tensor x = at::linspace(-12, 12, 100001);
  EXPECT_LE(max_difference(fast_gelu(x.clone()), at::gelu(x)), 2e-6);
  EXPECT_TRUE(fast_gelu(at::full({5}, std::nan(""))).isnan().all().item<bool>());
}

TEST(ChannelNormGelu, TakesStatisticsOverValidFramesOfEachUtterance) {
  const at::Tensor x = uneven({2, 300, 24}, 2);
  const Affine norm = norm_of(24);
  const at::Tensor y = channel_norm_gelu(x.clone(), norm, at::tensor({300, 170}, at::kLong));
  EXPECT_LE(max_difference(y[0], group_norm_gelu(x.narrow(0, 0, 1), norm)[0]), kFp32);
  EXPECT_LE(max_difference(y[1].narrow(0, 0, 170),
                           group_norm_gelu(x.narrow(0, 1, 1).narrow(1, 0, 170), norm)[0]),
            kFp32);
  EXPECT_EQ(y[1].narrow(0, 170, 130).abs().max().item<float>(), 0);
}

// Gradients of sum(weights * output) with respect to every input, by both ways.
template <class Ours, class Theirs>
void expect_same_gradients(const std::vector<at::Tensor>& inputs, Ours ours, Theirs theirs) {
  const auto gradients = [&](auto function) {
    std::vector<at::Tensor> leaves;
    for (const at::Tensor& input : inputs) leaves.push_back(input.clone().requires_grad_());
    const at::Tensor y = function(leaves);
    (y * uneven(y.sizes(), 9)).sum().backward();
    std::vector<at::Tensor> result;
    for (const at::Tensor& leaf : leaves) result.push_back(leaf.grad());
    return result;
  };
  const auto mine = gradients(ours), expected = gradients(theirs);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const double size = std::max(1.0, expected[i].abs().max().template item<double>());
    EXPECT_LE(max_difference(mine[i], expected[i]), 2e-5 * size) << "input " << i;
  }
}

TEST(LayerNormGelu, HasTheGradientsOfTheTwoOperations) {
  const Affine norm = norm_of(40);
  expect_same_gradients(
      {uneven({2, 500, 40}, 3), norm.weight, norm.bias},
      [](const auto& in) { return layer_norm_gelu(in[0], {in[1], in[2]}); },
      [](const auto& in) { return at::gelu(layer_norm(in[0], {in[1], in[2]})); });
}

TEST(ChannelNormGelu, HasTheGradientsOfTheTwoOperations) {
  const Affine norm = norm_of(24);
  expect_same_gradients(
      {uneven({2, 500, 24}, 4), norm.weight, norm.bias},
      [](const auto& in) {
        return channel_norm_gelu(in[0], {in[1], in[2]}, at::full({2}, 500, at::kLong));
      },
      [](const auto& in) { return group_norm_gelu(in[0], {in[1], in[2]}); });
}

TEST(FastGelu, HasGelusGradient) {
  expect_same_gradients(
      {at::linspace(-9, 9, 20001)}, [](const auto& in) { return fast_gelu(in[0]); },
      [](const auto& in) { return at::gelu(in[0]); });
}

}  // namespace
}  // namespace concertina
