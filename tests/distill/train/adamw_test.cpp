#include "distill/train/adamw.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "distill/train/moment_shards.h"

namespace concertina {
namespace {

Parameters two_parameters() {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(uint64_t{3});
  return Parameters({{"matrix", at::empty({40, 50}).normal_(0, 1, generator), true},
                     {"bias", at::empty({37}).normal_(0, 1, generator), false}});
}

at::Tensor number(double value) { return at::scalar_tensor(value, at::kDouble); }

void fill(Gradients& gradients, uint64_t seed) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  gradients.flat.normal_(0, 1, generator);
}

// Decoupled weight decay, written from the paper in double precision.
struct Reference {
  std::vector<double> p, m, v;
  void step(const at::Tensor& gradient, const OptimizerOptions& o, double lr, double scale,
            int64_t t, const std::vector<bool>& decay) {
    for (size_t i = 0; i < p.size(); ++i) {
      const double g = gradient[static_cast<int64_t>(i)].item<double>() * scale;
      m[i] = o.beta1 * m[i] + (1 - o.beta1) * g;
      v[i] = o.beta2 * v[i] + (1 - o.beta2) * g * g;
      const double first = m[i] / (1 - std::pow(o.beta1, static_cast<double>(t)));
      const double second = v[i] / (1 - std::pow(o.beta2, static_cast<double>(t)));
      if (decay[i]) p[i] -= lr * o.weight_decay * p[i];
      p[i] -= lr * first / (std::sqrt(second) + o.eps);
    }
  }
};

TEST(AdamW, EqualsThePlainFormula) {
  OptimizerOptions options;
  options.weight_decay = 0.1;
  const Parameters parameters = two_parameters();
  Gradients gradients(parameters);
  AdamW optimizer(parameters, options);
  const auto numel = static_cast<size_t>(parameters.flat().numel());
  Reference reference{std::vector<double>(numel), std::vector<double>(numel),
                      std::vector<double>(numel)};
  std::vector<bool> decay(numel);
  for (size_t i = 0; i < numel; ++i) {
    reference.p[i] = parameters.flat()[static_cast<int64_t>(i)].item<double>();
    decay[i] = i < 2000;
  }
  gradients.touched.add(gradients.flat);
  for (int64_t t = 1; t <= 5; ++t) {
    fill(gradients, static_cast<uint64_t>(t));
    optimizer.step(parameters, gradients, 0.01, number(0.5));
    reference.step(gradients.flat, options, 0.01, 0.5, t, decay);
  }
  for (size_t i = 0; i < numel; ++i) {
    EXPECT_NEAR(parameters.flat()[static_cast<int64_t>(i)].item<double>(), reference.p[i], 1e-5);
  }
}

TEST(AdamW, ScalesTheLearningRateOfAParameter) {
  OptimizerOptions options;
  options.weight_decay = 0.1;
  const at::Tensor value = at::arange(1, 21, at::kFloat).view({4, 5});
  const auto trained = [&](double lr_scale, double lr) {
    const Parameters parameters({{"head", value, true, lr_scale}, {"other", value, true}});
    Gradients gradients(parameters);
    AdamW optimizer(parameters, options);
    gradients.touched.add(gradients.flat);
    fill(gradients, 4);
    optimizer.step(parameters, gradients, lr, number(1));
    return parameters.views();
  };
  const TensorMap scaled = trained(0.25, 0.04), slow = trained(1, 0.01), fast = trained(1, 0.04);
  EXPECT_TRUE(scaled.at("head").equal(slow.at("head")));
  EXPECT_TRUE(scaled.at("other").equal(fast.at("other")));
}

// Two optimisers with a part of the moments each do what one does, to the bit.
TEST(AdamW, RangesTogetherEqualTheWhole) {
  OptimizerOptions options;
  options.weight_decay = 0.1;
  const Parameters whole = two_parameters(), first = two_parameters(), second = two_parameters();
  const int64_t numel = whole.flat().numel();
  const ElementRange left = moment_range(numel, 0, 2), right = moment_range(numel, 1, 2);
  EXPECT_EQ(left.begin, 0);
  EXPECT_EQ(left.end, right.begin);
  EXPECT_EQ(right.end, numel);
  EXPECT_EQ(left.end % 64, 0);
  Gradients gradients(whole);
  AdamW all(whole, options), on_left(first, options, left), on_right(second, options, right);
  EXPECT_EQ(on_left.state().first_moment.numel() + on_right.state().first_moment.numel(), numel);
  EXPECT_LT(on_left.state().first_moment.numel(), 0.6 * static_cast<double>(numel));
  for (uint64_t t = 1; t <= 6; ++t) {
    gradients.zero();
    gradients.touched.add(gradients.views.at("matrix").narrow(1, 0, t % 2 == 0 ? 50 : 30));
    if (t > 2) gradients.touched.add(gradients.views.at("bias"));
    fill(gradients, t);
    all.step(whole, gradients, 0.01, number(0.5));
    on_left.step(first, gradients, 0.01, number(0.5));
    on_right.step(second, gradients, 0.01, number(0.5));
  }
  const at::Tensor joined = at::cat(
      {first.flat().narrow(0, 0, left.end), second.flat().narrow(0, left.end, numel - left.end)});
  EXPECT_TRUE(joined.equal(whole.flat()));
  EXPECT_TRUE(at::cat({on_left.state().second_moment, on_right.state().second_moment})
                  .equal(all.state().second_moment));
  EXPECT_TRUE(on_left.state().updates.equal(all.state().updates));
  EXPECT_TRUE(on_right.state().updates.equal(all.state().updates));
}

TEST(AdamW, UntouchedElementsDoNotChange) {
  OptimizerOptions options;
  options.weight_decay = 0.5;
  const Parameters parameters = two_parameters();
  Gradients gradients(parameters);
  AdamW optimizer(parameters, options);
  gradients.touched.add(gradients.flat);
  fill(gradients, 1);
  optimizer.step(parameters, gradients, 0.1, number(1));  // momentum everywhere

  const at::Tensor before = parameters.flat().clone(),
                   moment = optimizer.state().first_moment.clone();
  gradients.zero();
  gradients.views.at("matrix").narrow(1, 0, 30).fill_(1);
  gradients.touched.add(gradients.views.at("matrix").narrow(1, 0, 30));
  optimizer.step(parameters, gradients, 0.1, number(1));
  const auto corner = [&](const at::Tensor& flat) {
    return flat.narrow(0, 0, 2000).view({40, 50}).narrow(1, 30, 20);
  };
  EXPECT_TRUE(corner(parameters.flat()).equal(corner(before)));
  EXPECT_TRUE(corner(optimizer.state().first_moment).equal(corner(moment)));
  EXPECT_TRUE(parameters.views().at("bias").equal(before.narrow(0, 2000, 37)));
  EXPECT_FALSE(parameters.flat().equal(before));
}

// A slice that is first sampled late, or seldom, is updated as in a run of its own.
TEST(AdamW, BiasCorrectionCountsTheUpdatesOfEachElement) {
  OptimizerOptions options;
  options.beta2 =
      0.999;  // a global count would make the first update of a late slice 3 times too large
  const auto run = [&](const std::vector<int64_t>& steps_of_right) {
    const Parameters parameters = two_parameters();
    Gradients gradients(parameters);
    AdamW optimizer(parameters, options);
    int64_t seen = 0;
    for (int64_t step = 0; step < 40; ++step) {
      const bool right =
          std::find(steps_of_right.begin(), steps_of_right.end(), step) != steps_of_right.end();
      gradients.zero();
      gradients.touched.add(gradients.views.at("matrix").narrow(1, 0, right ? 50 : 30));
      fill(gradients, static_cast<uint64_t>(seen));
      optimizer.step(parameters, gradients, 0.01, number(1));
      seen += right ? 1 : 0;
    }
    return parameters.views().at("matrix").narrow(1, 30, 20).clone();
  };
  const at::Tensor early = run({0, 1, 2, 3}), late = run({30, 33, 37, 38});
  EXPECT_TRUE(early.equal(late));
  EXPECT_FALSE(early.equal(run({0, 1, 2})));
}

TEST(AdamW, CountsSaturate) {
  const Parameters parameters = two_parameters();
  Gradients gradients(parameters);
  AdamW optimizer(parameters, {});
  gradients.touched.add(gradients.flat);
  gradients.flat.fill_(1);
  at::Tensor updates = optimizer.state().updates;
  updates.fill_(AdamW::kMaxUpdates - 1);
  const at::Tensor before = parameters.flat().clone();
  for (int32_t i = 0; i < 3; ++i) optimizer.step(parameters, gradients, 0.01, number(1));
  EXPECT_TRUE(optimizer.state().updates.eq(AdamW::kMaxUpdates).all().item<bool>());
  EXPECT_LT((parameters.flat() - before).abs().max().item<double>(), 0.1);
}

// Where counts saturate, corrections must be 1; they are for every beta that options accept.
TEST(AdamW, CorrectionsAreOneWhereCountsSaturate) {
  const auto correction = [](double beta) {
    return static_cast<float>(1 / std::sqrt(1 - std::pow(beta, AdamW::kMaxUpdates)));
  };
  for (const double beta : {0.9, 0.98, 0.999, AdamW::kMaxBeta}) EXPECT_EQ(correction(beta), 1.0F);
  EXPECT_GT(correction(0.9999), 1.019F);
}

TEST(AdamW, DoesNotDependOnTheNumberOfThreads) {
  std::vector<at::Tensor> results;
  const int before = at::get_num_threads();
  for (int threads : {1, 3}) {
    at::set_num_threads(threads);
    const Parameters parameters({{"w", at::linspace(-1, 1, 100000), true}});
    Gradients gradients(parameters);
    AdamW optimizer(parameters, {});
    gradients.touched.add(gradients.flat);
    fill(gradients, 4);
    optimizer.step(parameters, gradients, 0.01, number(1));
    results.push_back(parameters.flat());
  }
  at::set_num_threads(before);
  EXPECT_TRUE(results[0].equal(results[1]));
}

TEST(ClipScale, KeepsSmallGradients) {
  const auto scale = [](double norm, double clip) {
    return clip_scale(number(norm), clip).item<double>();
  };
  EXPECT_EQ(scale(0.5, 1), 1);
  EXPECT_NEAR(scale(4, 1), 0.25, 1e-6);
  EXPECT_EQ(scale(4, 0), 1);
}

}  // namespace
}  // namespace concertina
