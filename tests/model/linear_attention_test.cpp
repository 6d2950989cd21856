#include "supernet/nn/linear_attention.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <limits>
#include <vector>

#include "supernet/nn/attention.h"
#include "tests/model/closed_form.h"

namespace concertina {
namespace {

using testing::max_difference;

struct Case {
  std::string name;
  std::vector<int64_t> lengths;
  int64_t heads, width;

  std::vector<int64_t> shape() const {
    return {std::ssize(lengths), *std::ranges::max_element(lengths), heads * width};
  }
};

at::Tensor value(const Case& c, const std::string& part) {
  const auto shape = c.shape();
  const std::vector<double> u =
      testing::uniform("linear attention " + c.name + " " + part, shape[0] * shape[1] * shape[2]);
  return (3 * at::tensor(u, at::kDouble)).to(at::kFloat).view(shape);
}

at::Tensor valid_of(const Case& c) {  // [B, 1, 1, T]
  const at::Tensor frames = at::arange(c.shape()[1], at::kLong);
  return (frames < at::tensor(c.lengths).unsqueeze(1)).unsqueeze(1).unsqueeze(1);
}

struct Result {
  at::Tensor y, q, k, v;  // and gradients
};

Result result_of(const Case& c, const std::vector<at::Tensor>& inputs, const at::Tensor& valid) {
  std::vector<at::Tensor> leaves;
  for (const at::Tensor& x : inputs) leaves.push_back(x.detach().clone().set_requires_grad(true));
  const at::Tensor y = linear_attention(leaves[0], leaves[1], leaves[2], c.heads, valid);
  at::Tensor slopes = value(c, "slopes");
  if (valid.defined()) slopes = slopes * valid.flatten(1).unsqueeze(2);
  const auto gradients = torch::autograd::grad({y}, leaves, {slopes.to(y.scalar_type())});
  return {y.detach(), gradients[0], gradients[1], gradients[2]};
}

std::vector<at::Tensor> inputs_of(const Case& c) {
  return {value(c, "q"), value(c, "k"), value(c, "v")};
}

const std::vector<Case> kCases = {
    {"short", {7, 4}, 2, 3}, {"long", {65}, 3, 16}, {"one", {1}, 1, 2}};

void expect_relative(const at::Tensor& ours, const at::Tensor& expected, double bound,
                     const std::string& what) {
  ASSERT_EQ(ours.sizes(), expected.sizes()) << what;
  const double scale = expected.abs().max().item<double>();
  EXPECT_LE(max_difference(ours.to(at::kDouble), expected.to(at::kDouble)), bound * scale) << what;
}

// tests/parity/golden/linear_attention.py
TEST(LinearAttention, HasTheValuesAndGradientsOfTheFormula) {
  const TensorMap golden =
      read_safetensors(testing::kGolden + "linear_attention.safetensors").tensors;
  for (const Case& c : kCases) {
    const Result result = result_of(c, inputs_of(c), valid_of(c));
    expect_relative(result.y, golden.at(c.name + "/y"), 1e-5, c.name + "/y");
    expect_relative(result.v, golden.at(c.name + "/v"), 1e-5, c.name + "/v");
    if (c.name == "one") continue;  // one key: y is v, q and k have no gradient but rounding
    expect_relative(result.q, golden.at(c.name + "/q"), 1e-5, c.name + "/q");
    expect_relative(result.k, golden.at(c.name + "/k"), 1e-5, c.name + "/k");
  }
}

TEST(LinearAttention, FramesThatAreNotValidChangeNoBit) {
  const Case c = kCases[0];
  const at::Tensor valid = valid_of(c), hidden = valid.flatten(1).logical_not().unsqueeze(2);
  std::vector<at::Tensor> inputs = inputs_of(c);
  const Result clean = result_of(c, inputs, valid);
  for (at::Tensor& x : inputs) x.masked_fill_(hidden, std::numeric_limits<float>::quiet_NaN());
  const Result spoilt = result_of(c, inputs, valid);
  for (const auto part : {&Result::y, &Result::q, &Result::k, &Result::v}) {
    EXPECT_TRUE(at::equal(clean.*part, spoilt.*part));
    EXPECT_EQ((clean.*part).masked_select(hidden).abs().max().item<float>(), 0);
  }
}

TEST(LinearAttention, APaddedClipIsWhatItIsAlone) {
  const Case c{"padded", {300, 171}, 2, 32}, alone{"padded", {171}, 2, 32};
  const std::vector<at::Tensor> inputs = inputs_of(c);
  const at::Tensor y = linear_attention(inputs[0], inputs[1], inputs[2], 2, valid_of(c));
  const auto part = [](const at::Tensor& x) { return x.narrow(0, 1, 1).narrow(1, 0, 171); };
  const at::Tensor own = linear_attention(part(inputs[0]), part(inputs[1]), part(inputs[2]), 2, {});
  expect_relative(part(y), own, 2e-6, "padded");
}

// Sums over many frames are fp32: bf16 rounds inputs and results only.
TEST(LinearAttention, SumsBf16InFp32) {
  const Case c{"many", {6000}, 2, 16};
  std::vector<at::Tensor> low = inputs_of(c), high;
  for (at::Tensor& x : low) {
    x = (x + 1).to(at::kBFloat16);
    high.push_back(x.to(at::kFloat));
  }
  const at::Tensor y = linear_attention(low[0], low[1], low[2], 2, {});
  ASSERT_EQ(y.scalar_type(), at::kBFloat16);
  const at::Tensor expected = linear_attention(high[0], high[1], high[2], 2, {});
  EXPECT_TRUE(at::equal(y, expected.to(at::kBFloat16)));
  const at::Tensor as_bf16 = result_of(c, low, {}).k, as_fp32 = result_of(c, high, {}).k;
  EXPECT_LE(((as_bf16.to(at::kFloat) - as_fp32).norm() / as_fp32.norm()).item<double>(), 0.006);
}

TEST(LinearAttention, IsFiniteWhereFeaturesVanish) {
  const Case c{"low", {5}, 1, 4};
  const at::Tensor low = at::full(c.shape(), -200.0f), v = value(c, "v");
  EXPECT_EQ(linear_attention(low, low, v, 1, {}).abs().max().item<float>(), 0);
  const at::Tensor none = at::zeros({1, 1, 1, 5}, at::kBool);
  EXPECT_EQ(linear_attention(v, v, v, 1, none).abs().max().item<float>(), 0);
  const at::Tensor high = at::full(c.shape(), 200.0f);
  EXPECT_TRUE(result_of(c, {high, high, v}, {}).k.isfinite().all().item<bool>());
}

TEST(LinearAttention, DoesNotDependOnTheNumberOfThreads) {
  const Case c{"threads", {700, 500}, 3, 32};
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const Result one = result_of(c, inputs_of(c), valid_of(c));
  at::set_num_threads(2);
  const Result two = result_of(c, inputs_of(c), valid_of(c));
  at::set_num_threads(threads);
  for (const auto part : {&Result::y, &Result::q, &Result::k, &Result::v}) {
    expect_relative(one.*part, two.*part, 1e-6, "threads");
  }
}

}  // namespace
}  // namespace concertina
