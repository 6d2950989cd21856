#include "eval/probe_kernels.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "eval/ctc_kernels.h"
#include "eval/probe_training.h"

namespace concertina {
namespace {

at::Tensor normal(at::IntArrayRef shape, uint64_t seed) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return at::empty(shape).normal_(0, 1, generator);
}

TEST(ProbeKernels, ExponentialsAreThoseOfTheLibrary) {
  std::vector<float> logs;
  for (float log = 0; log > -699; log -= 0.37F) logs.push_back(log);
  logs.insert(logs.end(), {-705, -INFINITY, NAN});
  std::vector<double> p(logs.size());
  kernels::exp_of_logs(logs.data(), p.data(), std::ssize(logs));
  for (size_t i = 0; i + 3 < logs.size(); ++i) {
    const double expected = std::exp(static_cast<double>(logs[i]));
    EXPECT_NEAR(p[i], expected, 1e-15 * expected) << logs[i];
  }
  EXPECT_EQ(p[p.size() - 3], 0);
  EXPECT_EQ(p[p.size() - 2], 0);
  EXPECT_TRUE(std::isnan(p.back()));
}

TEST(ProbeKernels, HalvesHaveTheirValues) {
  std::vector<float> values = {0, -0.0F, 1, -2.5F, 65504, -65504, 6.1035e-5F, 5.9605e-8F, -3e-6F};
  const at::Tensor halves = at::tensor(values).to(at::kHalf);
  const at::Tensor floats = halves.to(at::kFloat);
  const float* expected = floats.const_data_ptr<float>();
  const auto* bits = reinterpret_cast<const kernels::fp16_bits*>(halves.const_data_ptr<at::Half>());
  const float one = 1;
  for (size_t i = 0; i < values.size(); ++i)
    EXPECT_EQ(kernels::inner_product(bits + i, &one, 1), expected[i]);
}

// More rows and channels than one vector or thread takes, and odd numbers of them.
TEST(ProbeKernels, ForwardAndGradientsOfHalvesAreThoseOfFloats) {
  constexpr int64_t kLayers = 3, kRows = 301, kWidth = 67, kClasses = 5;
  const at::Tensor halves = (normal({kLayers, kRows, kWidth}, 1) * 3 + 1).to(at::kHalf);
  const ProbeParameters parameters{normal({kLayers}, 2), normal({kWidth, kClasses}, 3),
                                   normal({kClasses}, 4)};
  const ChannelScale scale{normal({kWidth}, 5), normal({kWidth}, 6).abs() + 0.5};
  const at::Tensor of_logits = normal({kRows, kClasses}, 7);
  const ProbeForward forward(halves, parameters, scale);
  const at::Tensor x = halves.to(at::kDouble);
  const at::Tensor share = at::softmax(parameters.layer_logits, 0);
  const at::Tensor z =
      ((share.view({-1, 1, 1}) * x).sum(0) - scale.mean) / scale.spread;  // in double
  EXPECT_TRUE(at::allclose(forward.z.to(at::kDouble), z, 1e-5, 1e-5));
  const ProbeParameters gradients = forward.gradients(of_logits, halves, parameters, scale);
  const ProbeForward of_floats(halves.to(at::kFloat), parameters, scale);
  const ProbeParameters same =
      of_floats.gradients(of_logits, halves.to(at::kFloat), parameters, scale);
  EXPECT_TRUE(at::equal(of_floats.z, forward.z));
  EXPECT_TRUE(at::equal(same.layer_logits, gradients.layer_logits));
  const at::Tensor of_share =
      (x * (of_logits.mm(parameters.weight.t()) / scale.spread)).sum(at::IntArrayRef{1, 2});
  EXPECT_TRUE(at::allclose(gradients.layer_logits.to(at::kDouble),
                           share * (of_share - (share * of_share).sum()), 1e-4, 1e-3));
}

}  // namespace
}  // namespace concertina
