#include "distill/clip_states.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/errors.h"
#include "tests/distill/tiny.h"

namespace concertina {
namespace {

// From the formula, in doubles.
TEST(ClipStates, EntropyIsThatOfSoftAssignments) {
  const at::Tensor frames = at::tensor({0.0F, 0.0F, 1.0F, 0.5F}).view({2, 2});
  const at::Tensor centroids = at::tensor({0.0F, 0.0F, 1.0F, 1.0F, -1.0F, 0.0F}).view({3, 2});
  const double temperature = 0.7;
  const at::Tensor found = frame_entropy(frames, centroids, temperature);
  for (int64_t t = 0; t < 2; ++t) {
    double total = 0, entropy = 0;
    std::vector<double> weights;
    for (int64_t k = 0; k < 3; ++k) {
      const double d = (frames[t] - centroids[k]).square().sum().item<double>();
      weights.push_back(std::exp(-d / temperature));
      total += weights.back();
    }
    for (const double w : weights) entropy -= w / total * std::log(w / total);
    EXPECT_NEAR(found[t].item<double>(), entropy, 1e-5);
  }
  EXPECT_NEAR(frame_entropy(at::zeros({1, 2}), at::zeros({4, 2}), 1).item<double>(), std::log(4),
              1e-6);
}

TEST(ClipStates, AreStandardisedAndReproducible) {
  const testing::TempFolder folder("clip-states");
  const Manifest manifest = testing::tiny_corpus(folder.path);
  const SearchSpace space = testing::tiny_space();
  const Supernet model = Supernet::random(space, Rng(1));
  const Subnet student = model.slice(space.default_architecture());
  const std::vector<size_t> clips = {0, 1, 2, 4, 5, 6};
  const auto states = [&](uint64_t seed) {
    return clip_states(student, manifest, clips, {.clusters = 6, .fitted_on = 3}, Rng(seed), {});
  };
  const ClipStates first = states(1), again = states(1);
  EXPECT_EQ(first.features.size(0), 6);
  EXPECT_EQ(first.features.size(1), student.architecture.embed_dim());
  EXPECT_LT(first.features.mean(0).abs().max().item<double>(), 1e-4);
  EXPECT_TRUE(first.features.equal(again.features));
  EXPECT_EQ(first.uncertainty, again.uncertainty);
  for (const double u : first.uncertainty) {
    EXPECT_GE(u, 0);
    EXPECT_LE(u, std::log(6) + 1e-6);
  }
  EXPECT_NE(first.uncertainty, states(2).uncertainty);
  EXPECT_THROW(clip_states(student, manifest, {}, {}, Rng(1), {}), InputError);
}

}  // namespace
}  // namespace concertina
