#include "supernet/nn/grouped_conv.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <array>
#include <vector>

#include "tests/model/models.h"

namespace concertina {
namespace {

struct Case {
  int64_t clips, frames, groups, channels, kernel;
};

struct Numbers {
  at::Tensor x, weight, bias, slopes;
};

Numbers numbers(const Case& c, at::ScalarType dtype) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(7);
  const auto normal = [&](std::vector<int64_t> sizes) {
    return at::empty(sizes).normal_(0, 1, generator);
  };
  const int64_t width = c.groups * c.channels;
  return {normal({c.clips, c.frames, width}).to(dtype),
          normal({width, c.channels, c.kernel}).to(dtype), normal({width}),
          normal({c.clips, c.frames, width}).to(dtype)};
}

// y, dx, dweight, dbias.
using Results = std::array<at::Tensor, 4>;

template <class Conv>
Results results(const Numbers& n, at::ScalarType dtype, Conv conv) {
  const at::Tensor x = n.x.to(dtype).clone().requires_grad_();
  const at::Tensor weight = n.weight.to(dtype).clone().requires_grad_();
  const at::Tensor bias =
      n.bias.to(dtype == at::kDouble ? at::kDouble : at::kFloat).clone().requires_grad_();
  const at::Tensor y = conv(x, weight, bias);
  const auto gradients = torch::autograd::grad({y}, {x, weight, bias}, {n.slopes.to(dtype)});
  return {y.detach(), gradients[0], gradients[1], gradients[2]};
}

// Taps of every frame copied to one row and a product of matrices: no code of a convolution.
at::Tensor unfolded(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                    int64_t groups) {
  const int64_t kernel = weight.size(2), frames = x.size(1);
  const at::Tensor padded = at::constant_pad_nd(x, {0, 0, kernel / 2, kernel});
  const at::Tensor rows = padded.unfold(1, kernel, 1)
                              .narrow(1, 0, frames)
                              .unflatten(2, {groups, -1})
                              .permute({2, 0, 1, 3, 4})
                              .flatten(3)
                              .flatten(1, 2);  // [G, B * T, C * K]
  const at::Tensor y = rows.bmm(weight.unflatten(0, {groups, -1}).flatten(2).transpose(1, 2));
  return y.transpose(0, 1).reshape({x.size(0), frames, weight.size(0)}) + bias;
}

double relative_error(const at::Tensor& a, const at::Tensor& b) {
  return ((a.to(at::kDouble) - b).norm() / b.norm()).item<double>();
}

constexpr std::array<const char*, 4> kNames = {"y", "dx", "dweight", "dbias"};

void expect_near(const Case& c, at::ScalarType dtype, double bound,
                 decltype(grouped_conv)& conv = grouped_conv) {
  const Numbers n = numbers(c, dtype);
  const auto ours = results(
      n, dtype, [&](auto x, auto weight, auto bias) { return conv(x, weight, bias, c.groups); });
  const auto expected = results(n, at::kDouble, [&](auto x, auto weight, auto bias) {
    return unfolded(x, weight, bias, c.groups);
  });
  for (size_t i = 0; i < ours.size(); ++i) {
    ASSERT_EQ(ours[i].sizes(), expected[i].sizes()) << kNames[i];
    EXPECT_LE(relative_error(ours[i], expected[i]), bound)
        << kNames[i] << " in " << c10::toString(dtype) << ": " << c.channels << " channels, kernel "
        << c.kernel << ", " << c.frames << " frames";
  }
  EXPECT_EQ(ours[0].scalar_type(), dtype);
  EXPECT_EQ(ours[2].scalar_type(), dtype);
}

// Kernels and channels a group of the models we know and of all their subnets between.
TEST(GroupedConv, IsASumOverTapsAtEveryKernelAndGroup) {
  for (int64_t kernel : {1, 3, 8, 16, 30, 31, 32, 64, 95, 127, 128}) {
    for (int64_t channels : {1, 2, 3, 4, 6, 8, 12, 14, 16, 24, 32, 48, 64}) {
      const Case c{2, 37, 2, channels, kernel};
      expect_near(c, at::kFloat, 2e-6);
      expect_near(c, at::kBFloat16, 0.004);
    }
  }
}

TEST(GroupedConv, TakesClipsOfAnyLength) {
  for (int64_t frames : {1, 2, 15, 16, 17, 49, 150, 1501}) {
    const Case c{1, frames, 16, 4, 128};
    expect_near(c, at::kFloat, 2e-6);
    expect_near(c, at::kBFloat16, 0.004);
  }
}

TEST(GroupedConv, HasTheSameValuesWithoutGradients) {
  for (at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const Case c{2, 70, 4, 6, 32};
    const Numbers n = numbers(c, dtype);
    const auto taught = results(n, dtype, [&](auto x, auto weight, auto bias) {
      return grouped_conv(x, weight, bias, c.groups);
    });
    const at::NoGradGuard no_grad;
    EXPECT_TRUE(at::equal(grouped_conv(n.x, tap_by_tap(n.weight), n.bias, c.groups), taught[0]));
    const at::Tensor plain = grouped_conv(n.x, n.weight, {}, c.groups);
    EXPECT_LE(testing::max_difference(plain.to(at::kFloat) + n.bias, taught[0].to(at::kFloat)),
              dtype == at::kFloat ? 1e-5 : 0.5);
  }
}

TEST(GroupedConv, DoesNotDependOnTheNumberOfThreads) {
  for (at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const Case c{3, 90, 4, 10, 31};
    const Numbers n = numbers(c, dtype);
    const int threads = at::get_num_threads();
    std::vector<Results> runs;
    for (int count : {1, 3}) {
      at::set_num_threads(count);
      runs.push_back(results(n, dtype, [&](auto x, auto weight, auto bias) {
        return grouped_conv(x, weight, bias, c.groups);
      }));
    }
    at::set_num_threads(threads);
    for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(at::equal(runs[0][i], runs[1][i])) << kNames[i];
  }
}

// What a GPU computes.
TEST(GroupedConv, ByFftIsTheSameSum) {
  for (int64_t kernel : {1, 2, 3, 31, 95, 128}) {
    for (int64_t frames : {1, 37, 384, 385, 1501}) {
      const Case c{2, frames, 4, 6, kernel};
      expect_near(c, at::kDouble, 1e-12, grouped_conv_by_fft);
      expect_near(c, at::kFloat, 2e-6, grouped_conv_by_fft);
      expect_near(c, at::kBFloat16, 0.004, grouped_conv_by_fft);
    }
  }
}

// Other dtypes take ATen's convolution.
TEST(GroupedConv, AgreesInDouble) { expect_near({2, 20, 2, 3, 8}, at::kDouble, 1e-12); }

}  // namespace
}  // namespace concertina
