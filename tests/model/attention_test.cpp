#include "supernet/nn/attention.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <limits>
#include <thread>
#include <vector>

#include "tests/model/models.h"

namespace concertina {
namespace {

using testing::max_difference;

struct Case {
  int64_t clips, frames, heads, width;
};

const std::vector<Case> kCases = {{1, 499, 6, 64}, {2, 33, 3, 64}, {3, 32, 2, 32},  {1, 1, 1, 8},
                                  {2, 130, 1, 16}, {1, 70, 2, 5},  {1, 4200, 1, 64}};

at::Tensor numbers(const Case& c, uint64_t seed) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return at::empty({c.clips, c.frames, c.heads * c.width}).normal_(0, 1, generator);
}

struct Inputs {
  at::Tensor q, k, v;  // bf16

  explicit Inputs(const Case& c)
      : q(numbers(c, 1).to(at::kBFloat16)),
        k(numbers(c, 2).to(at::kBFloat16)),
        v(numbers(c, 3).to(at::kBFloat16)) {}
};

at::Tensor seen_by_length(const Case& c) {  // [B, 1, 1, T]: each clip a little shorter
  at::Tensor mask = at::ones({c.clips, 1, 1, c.frames}, at::kBool);
  for (int64_t b = 1; b < c.clips; ++b) mask[b].narrow(2, c.frames - b, b).fill_(false);
  return mask;
}

at::Tensor bias_of(const Case& c) {  // [1, heads, T, T], some pairs not seen
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(4);
  at::Tensor bias = at::empty({1, c.heads, c.frames, c.frames}).normal_(0, 2, generator);
  return bias.masked_fill(bias > 3, -std::numeric_limits<float>::infinity());
}

std::vector<at::Tensor> masks_of(const Case& c) {
  return {at::Tensor(), seen_by_length(c), bias_of(c)};
}

// In fp64, step by step.
at::Tensor plain(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Case& c,
                 const at::Tensor& mask) {
  at::Tensor scores = by_heads(q, c.heads).matmul(by_heads(k, c.heads).transpose(2, 3)) /
                      std::sqrt(static_cast<double>(c.width));
  if (mask.defined()) {
    scores = mask.scalar_type() == at::kBool ? scores.masked_fill(mask.logical_not(), -INFINITY)
                                             : scores + mask;
  }
  return at::_safe_softmax(scores, -1).matmul(by_heads(v, c.heads)).transpose(1, 2).flatten(2);
}

at::Tensor plain(const Inputs& in, const Case& c, const at::Tensor& mask) {
  return plain(in.q.to(at::kDouble), in.k.to(at::kDouble), in.v.to(at::kDouble), c, mask);
}

at::Tensor by_aten(const Inputs& in, const Case& c, const at::Tensor& mask) {
  std::optional<at::Tensor> added;
  if (mask.defined()) added = mask.scalar_type() == at::kBool ? mask : mask.to(at::kBFloat16);
  return at::scaled_dot_product_attention(by_heads(in.q, c.heads), by_heads(in.k, c.heads),
                                          by_heads(in.v, c.heads), added)
      .transpose(1, 2)
      .flatten(2);
}

double mean_error(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b).abs().mean().item<double>();
}

TEST(MaskedAttention, IsTheSoftmaxOfScoresInFp32) {
  for (const Case& c : kCases) {
    for (const at::Tensor& mask : masks_of(c)) {
      const at::Tensor q = numbers(c, 1), k = numbers(c, 2), v = numbers(c, 3);
      const at::Tensor expected =
          plain(q.to(at::kDouble), k.to(at::kDouble), v.to(at::kDouble), c, mask);
      EXPECT_LE(max_difference(masked_attention(q, k, v, c.heads, mask), expected), 5e-6);
    }
  }
}

TEST(MaskedAttention, IsAsAccurateInBf16AsAtens) {
  for (const Case& c : kCases) {
    const Inputs in(c);
    for (const at::Tensor& mask : masks_of(c)) {
      const at::Tensor y = masked_attention(in.q, in.k, in.v, c.heads, mask);
      ASSERT_EQ(y.scalar_type(), at::kBFloat16);
      const at::Tensor expected = plain(in, c, mask);
      EXPECT_LE(mean_error(y, expected), 1.1 * mean_error(by_aten(in, c, mask), expected) + 1e-6)
          << c.frames << " frames";
      EXPECT_LE(max_difference(y, expected), 0.008 * expected.abs().max().item<double>());
    }
  }
}

TEST(MaskedAttention, FullyMaskedRowsAreZero) {
  const Case c{2, 40, 2, 16};
  const Inputs in(c);
  at::Tensor mask = at::ones({2, 1, 1, 40}, at::kBool);
  mask[1].fill_(false);
  const at::Tensor y = masked_attention(in.q, in.k, in.v, c.heads, mask);
  EXPECT_EQ(y[1].abs().max().item<float>(), 0);
  EXPECT_GT(y[0].abs().min().item<float>(), 0);
}

TEST(MaskedAttention, HasTheGradientsOfTheSoftmax) {
  for (const Case& c : kCases) {
    if (c.frames > 1000) continue;
    const Inputs in(c);
    const at::Tensor slopes = numbers(c, 5);
    for (const at::Tensor& mask : masks_of(c)) {
      const auto gradients = [&](at::ScalarType dtype, auto attention) {
        std::vector<at::Tensor> leaves;
        for (const at::Tensor& x : {in.q, in.k, in.v})
          leaves.push_back(x.to(dtype).clone().set_requires_grad(true));
        const at::Tensor y = attention(leaves[0], leaves[1], leaves[2]);
        return torch::autograd::grad({y}, leaves, {slopes.to(dtype)});
      };
      const auto expected =
          gradients(at::kDouble, [&](auto q, auto k, auto v) { return plain(q, k, v, c, mask); });
      const auto got = gradients(at::kBFloat16, [&](auto q, auto k, auto v) {
        return masked_attention(q, k, v, c.heads, mask);
      });
      for (size_t i = 0; i < 3; ++i) {
        const double size = expected[i].abs().mean().item<double>();
        EXPECT_LE(mean_error(got[i], expected[i]), 0.006 * size + 1e-6) << c.frames << ' ' << i;
      }
    }
  }
}

TEST(MaskedAttention, GivesGradientsToALearnedBias) {
  const Case c{2, 12, 2, 8};
  const Inputs in(c);
  const at::Tensor bias = at::zeros({1, 2, 12, 12}).set_requires_grad(true);
  const at::Tensor y = masked_attention(in.q, in.k, in.v, c.heads, bias);
  const auto gradient = torch::autograd::grad({y.to(at::kFloat).square().sum()}, {bias});
  EXPECT_GT(gradient[0].abs().max().item<float>(), 1e-3);
}

TEST(MaskedAttention, DoesNotDependOnTheNumberOfThreads) {
  const Case c{2, 300, 3, 32};
  const Inputs in(c);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor one = masked_attention(in.q, in.k, in.v, c.heads, {});
  at::set_num_threads(3);
  const at::Tensor three = masked_attention(in.q, in.k, in.v, c.heads, {});
  at::set_num_threads(threads);
  EXPECT_TRUE(at::equal(one, three));
}

// Of fewer rows than keys, as in a block of a band.
TEST(MaskedAttention, TakesMoreKeysThanRows) {
  const Case rows{2, 40, 2, 16}, keys{2, 75, 2, 16};
  const at::Tensor q = numbers(rows, 1), k = numbers(keys, 2), v = numbers(keys, 3);
  const at::Tensor slopes = numbers(rows, 5).to(at::kBFloat16);
  const at::Tensor mask = at::arange(75).unsqueeze(0) >= at::arange(40).unsqueeze(1);
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const auto run = [&](at::ScalarType low, auto attention) {
      std::vector<at::Tensor> leaves;
      for (const at::Tensor& x : {q, k, v})
        leaves.push_back(x.to(at::kBFloat16).to(low).set_requires_grad(true));
      const at::Tensor y = attention(leaves[0], leaves[1], leaves[2]);
      auto results = torch::autograd::grad({y}, leaves, {slopes.to(low)});
      results.push_back(y.detach());
      return results;
    };
    const auto expected =
        run(at::kDouble, [&](auto a, auto b, auto c) { return plain(a, b, c, rows, mask); });
    const auto got = run(dtype, [&](auto a, auto b, auto c) {
      return masked_attention(a, b, c, rows.heads, mask.view({1, 1, 40, 75}));
    });
    for (size_t i = 0; i < got.size(); ++i) {
      const double size = expected[i].abs().mean().item<double>();
      const double bound = dtype == at::kFloat ? 1e-5 : 0.006;
      EXPECT_LE(mean_error(got[i], expected[i]), bound * size) << i;
    }
  }
}

// Results and gradients of [B, T, T] scores with a mask: windows of whole blocks and parts of them, wider
// than the clip, clips of several lengths.
TEST(WindowedAttention, IsAttentionWithTheBandAsAMask) {
  const std::vector<std::pair<Case, std::vector<int64_t>>> cases = {
      {{2, 200, 2, 8}, {2, 16, 32, 50, 100, 400}}, {{1, 300, 1, 16}, {64, 128, 150}}};
  for (const auto& [c, windows] : cases) {
    at::Tensor valid = at::ones({c.clips, 1, 1, c.frames}, at::kBool);
    if (c.clips > 1) valid[1].narrow(2, 83, c.frames - 83).fill_(false);
    for (const int64_t window : windows) {
      const at::Tensor frames = at::arange(c.frames);
      const at::Tensor band =
          (frames.unsqueeze(0) - frames.unsqueeze(1)).abs() <= window / 2;  // [T, T]
      for (const at::Tensor& seen : {valid, at::Tensor()}) {
        const at::Tensor mask = seen.defined() ? band.logical_and(seen) : band;
        at::Tensor slopes = numbers(c, 5).to(at::kBFloat16).to(at::kFloat);
        if (seen.defined()) slopes = slopes * seen.view({c.clips, -1, 1});
        const auto run = [&](at::ScalarType dtype, auto attention) {
          std::vector<at::Tensor> leaves;
          for (uint64_t seed : {1, 2, 3})
            leaves.push_back(numbers(c, seed).to(at::kBFloat16).to(dtype).set_requires_grad(true));
          const at::Tensor y = attention(leaves[0], leaves[1], leaves[2]);
          auto results = torch::autograd::grad({y}, leaves, {slopes.to(dtype)});
          results.push_back(y.detach().to(at::kDouble) * (slopes != 0));
          return results;
        };
        const auto expected =
            run(at::kDouble, [&](auto q, auto k, auto v) { return plain(q, k, v, c, mask); });
        const auto fp32 = run(at::kFloat, [&](auto q, auto k, auto v) {
          return windowed_attention(q, k, v, c.heads, seen, window);
        });
        const auto bf16 = run(at::kBFloat16, [&](auto q, auto k, auto v) {
          return windowed_attention(q, k, v, c.heads, seen, window);
        });
        for (size_t i = 0; i < expected.size(); ++i) {
          EXPECT_LE(max_difference(fp32[i].to(at::kDouble), expected[i]), 2e-5)
              << window << ' ' << i;
          const double size = expected[i].abs().mean().item<double>();
          EXPECT_LE(mean_error(bf16[i], expected[i]), 0.008 * size) << window << ' ' << i;
        }
      }
    }
  }
}

TEST(ParallelFor, UsesSeveralThreads) {
  const int threads = at::get_num_threads();
  at::set_num_threads(2);
  std::vector<std::thread::id> ids(2);
  at::parallel_for(0, 2, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) ids[static_cast<size_t>(i)] = std::this_thread::get_id();
  });
  at::set_num_threads(threads);
  EXPECT_NE(ids[0], ids[1]);
}

}  // namespace
}  // namespace concertina
