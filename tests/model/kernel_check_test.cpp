#include "supernet/nn/kernel_check.h"

#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <torch/csrc/autograd/custom_function.h>
#include <algorithm>
#include <limits>
#include <thread>

#include "core/errors.h"
#include "supernet/nn/ops.h"
#include "tests/model/models.h"

namespace concertina {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const ProductKey kKey{.product = Product::kLinear, .sizes = {6, 8}};

SampleSizes sizes() { return {{kCheckedFrames, 8}, {6, 8}, {}}; }

at::Tensor product(const Tensors& in) { return at::linear(in[0], in[1], in[2]); }

// Noise in bf16, as oneDNN's grouped convolution gives it; right otherwise.
at::Tensor wrong_in_bf16(const Tensors& in) {
  const at::Tensor y = product(in);
  return y.scalar_type() == at::kBFloat16 ? y.flip(0) : y;
}

struct WrongGradient : torch::autograd::Function<WrongGradient> {
  static at::Tensor forward(torch::autograd::AutogradContext* /*context*/, const at::Tensor& x) {
    return x.clone();
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* /*context*/,
                                               const torch::autograd::tensor_list& gradients) {
    return {gradients[0] * 2};
  }
};

at::Tensor wrong_gradient_in_bf16(const Tensors& in) {
  const at::Tensor y = product(in);
  return y.scalar_type() == at::kBFloat16 ? WrongGradient::apply(y) : y;
}

at::Tensor wrong_below_fp64(const Tensors& in) {
  const at::Tensor y = product(in);
  if (y.scalar_type() == at::kDouble) return y;
  return y.scalar_type() == at::kFloat ? y * 3 : y * 2;
}

at::Tensor throws_in_bf16(const Tensors& in) {
  if (in[0].scalar_type() == at::kBFloat16) throw std::runtime_error("no such kernel");
  return product(in);
}

Tensors inputs(at::ScalarType dtype) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(3);
  const auto normal = [&](std::vector<int64_t> shape) {
    return at::empty(shape).normal_(0, 1, generator).to(dtype);
  };
  return {normal({5, 8}), normal({6, 8}), at::Tensor()};
}

at::Tensor in_fp32(const Tensors& in) {
  return product({in[0].to(at::kFloat), in[1].to(at::kFloat), in[2]}).to(in[0].scalar_type());
}

class KernelChecksTest : public ::testing::Test {
 protected:
  std::vector<std::string> warnings_;
  KernelChecks checks_{[this](const std::string& sentence) { warnings_.push_back(sentence); }};
};

TEST_F(KernelChecksTest, RightKernelIsUsed) {
  const Tensors in = inputs(at::kBFloat16);
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(at::equal(checks_.run(kKey, in, sizes, product), product(in)));
  const auto results = checks_.results();
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].key, kKey);
  EXPECT_EQ(results[0].outcome, CheckOutcome::kRight);
  EXPECT_LE(results[0].error, 0.004);
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(KernelChecksTest, WrongKernelIsReplacedAndNamedOnce) {
  const Tensors in = inputs(at::kBFloat16);
  const at::NoGradGuard no_grad;
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(at::equal(checks_.run(kKey, in, sizes, wrong_in_bf16), in_fp32(in)));
  ProductKey other = kKey;
  other.sizes = {6, 9};
  checks_.run(other, in, sizes, wrong_in_bf16);
  ASSERT_EQ(checks_.results().size(), 2u);
  EXPECT_EQ(checks_.results()[0].outcome, CheckOutcome::kReplaced);
  EXPECT_GT(checks_.results()[0].error, 0.5);
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("linear layer 8 -> 6 in bf16 is wrong")));
}

TEST_F(KernelChecksTest, GradientsAreCheckedWhereTheyAreWanted) {
  const Tensors in = inputs(at::kBFloat16);
  checks_.run(kKey, in, sizes, wrong_gradient_in_bf16);
  {
    const at::NoGradGuard no_grad;
    checks_.run(kKey, in, sizes, wrong_gradient_in_bf16);
  }
  ASSERT_EQ(checks_.results().size(), 2u);
  EXPECT_EQ(checks_.results()[0].outcome, CheckOutcome::kRight);
  EXPECT_EQ(checks_.results()[1].outcome, CheckOutcome::kReplaced);
  EXPECT_TRUE(checks_.results()[1].key.gradients);
}

TEST_F(KernelChecksTest, KernelThatThrowsIsReplaced) {
  const Tensors in = inputs(at::kBFloat16);
  EXPECT_TRUE(at::equal(checks_.run(kKey, in, sizes, throws_in_bf16), in_fp32(in)));
  EXPECT_EQ(checks_.results()[0].error, std::numeric_limits<double>::infinity());
}

TEST_F(KernelChecksTest, WrongInFp32IsAnError) {
  EXPECT_THROW(checks_.run(kKey, inputs(at::kBFloat16), sizes, wrong_below_fp64), CheckFailed);
  EXPECT_EQ(checks_.results()[0].outcome, CheckOutcome::kWrong);
}

TEST_F(KernelChecksTest, WorkInInferenceModeAndFp32) {
  const at::InferenceMode inference;
  checks_.run(kKey, inputs(at::kFloat), sizes, wrong_in_bf16);
  EXPECT_THAT(checks_.results(), IsEmpty());
  const Tensors in = inputs(at::kBFloat16);
  EXPECT_TRUE(at::equal(checks_.run(kKey, in, sizes, wrong_in_bf16), in_fp32(in)));
}

TEST_F(KernelChecksTest, ThreadsAgreeAndWarnOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] {
      const Tensors in = inputs(at::kBFloat16);
      for (int j = 0; j < 20; ++j)
        EXPECT_TRUE(at::equal(checks_.run(kKey, in, sizes, wrong_in_bf16), in_fp32(in)));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(checks_.results().size(), 1u);
  EXPECT_EQ(warnings_.size(), 1u);
}

TEST_F(KernelChecksTest, NoOtherGeneratorIsDrawnFrom) {
  at::manual_seed(1);
  const at::Tensor expected = at::randn({4});
  at::manual_seed(1);
  checks_.run(kKey, inputs(at::kBFloat16), sizes, product);
  EXPECT_TRUE(at::equal(at::randn({4}), expected));
}

// Every product of a bf16 forward pass goes through the process's checks.
TEST(KernelChecks, CoverTheProductsOfAModel) {
  const auto encode_in_bf16 = [](const Blueprint& blueprint) {
    const SearchSpace space = testing::small_space(blueprint);
    const Supernet supernet = testing::perturbed(space, 13);
    encode(supernet.slice(space.largest(), at::kBFloat16),
           make_batch(testing::noise(1, 16000, 14)));
  };
  encode_in_bf16(testing::wavlm_blueprint(NormPosition::kPost));
  encode_in_bf16(testing::reuse_blueprint());
  const auto results = kernel_checks().results();
  for (const Product each : {Product::kLinear, Product::kMatmul, Product::kConv,
                             Product::kPositionalConv, Product::kAttention}) {
    EXPECT_TRUE(std::ranges::any_of(results, [&](const KernelCheck& check) {
      return check.key.product == each;
    })) << name_of(each);
  }
  for (const KernelCheck& check : results) {
    EXPECT_NE(check.outcome, CheckOutcome::kWrong) << describe(check.key) << ' ' << check.error;
  }
}

// The library's own convolution is not right everywhere: on a CPU with AMX this one is replaced.
TEST(KernelChecks, GroupedConvolutionOfTheLibraryIsRightOrReplaced) {
  const Tensors in = {testing::noise(80, 64, 1).view({1, 80, 64}).to(at::kBFloat16),
                      testing::noise(64, 4 * 64, 2).view({64, 4, 64}).to(at::kBFloat16)};
  const at::NoGradGuard no_grad;
  const at::Tensor y = conv_time(in[0], {in[1], {}}, 1, 32, 16).to(at::kFloat);
  const at::Tensor expected =
      conv_time(in[0].to(at::kFloat), {in[1].to(at::kFloat), {}}, 1, 32, 16);
  EXPECT_LE(((y - expected).norm() / expected.norm()).item<double>(), 0.01);
}

}  // namespace
}  // namespace concertina
