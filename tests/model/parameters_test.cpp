#include "supernet/model/parameters.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/model/models.h"

namespace concertina {
namespace {

using testing::max_difference;

// The gradient that autograd gives through differentiable slices of full-size parameters.
TensorMap reference_gradients(const Supernet& supernet, const Architecture& architecture,
                              const SpeechBatch& batch) {
  TensorMap full;
  for (const auto& [name, tensor] : supernet.weights())
    full[name] = tensor.clone().requires_grad_();
  const auto slices = tensor_slices(supernet.blueprint(), supernet.storage(), architecture);
  encode(make_subnet(supernet.blueprint(), architecture, slice_tensors(full, slices)), batch)
      .frames.x.sin()
      .sum()
      .backward();
  TensorMap gradients;
  for (const auto& [name, tensor] : full) gradients[name] = tensor.grad();
  return gradients;
}

void expect_leaves_agree(const SearchSpace& space) {
  const Supernet supernet = testing::perturbed(space, 1);
  const SpeechBatch batch = make_batch(testing::noise(1, 8000, 2));
  const auto storage =
      tensor_slices(supernet.blueprint(), supernet.storage(), supernet.storage().largest);
  Parameters parameters(trainable(supernet.weights(), storage));
  Gradients gradients(parameters);
  Rng rng(3);
  for (int i = 0; i < 4; ++i) {
    const Architecture architecture = i == 0 ? space.largest() : space.sample(rng);
    gradients.zero();
    Leaves leaves(parameters, tensor_slices(supernet.blueprint(), supernet.storage(), architecture),
                  at::kFloat);
    TensorMap tensors = leaves.tensors();
    for (const auto& [name, tensor] : supernet.weights()) {
      if (name.starts_with("feature_extractor.mel.")) tensors[name] = tensor;
    }
    encode(make_subnet(supernet.blueprint(), architecture, tensors), batch)
        .frames.x.sin()
        .sum()
        .backward();
    leaves.accumulate(gradients);
    const TensorMap reference = reference_gradients(supernet, architecture, batch);
    for (const auto& [name, view] : gradients.views) {
      const at::Tensor& expected = reference.at(name);
      if (!expected.defined()) {
        EXPECT_EQ(view.abs().sum().item<double>(), 0) << name;
        continue;
      }
      const double scale = std::max(1.0, expected.abs().max().item<double>());
      EXPECT_LE(max_difference(view, expected), 2e-5 * scale) << name << " " << architecture.key();
      const at::Tensor outside = expected.masked_select(gradients.touched_views.at(name) == 0);
      if (outside.numel() > 0) {
        EXPECT_EQ(outside.abs().max().item<double>(), 0) << name;
      }
    }
  }
}

TEST(Leaves, GradientsEqualAutogradThroughSlicesMel) {
  expect_leaves_agree(testing::small_space(testing::mel_blueprint()));
}

TEST(Leaves, GradientsEqualAutogradThroughSlicesWaveNormalisedConv) {
  expect_leaves_agree(
      testing::small_space(testing::wave_blueprint(ExtractorNorm::kGroup, NormPosition::kPost)));
}

TEST(Leaves, UntouchedPartsAreNotMarked) {
  const SearchSpace space = testing::small_space(testing::mel_blueprint());
  const Supernet supernet = testing::perturbed(space, 4);
  Parameters parameters(trainable(
      supernet.weights(),
      tensor_slices(supernet.blueprint(), supernet.storage(), supernet.storage().largest)));
  Gradients gradients(parameters);
  Leaves leaves(parameters,
                tensor_slices(supernet.blueprint(), supernet.storage(), space.smallest()),
                at::kFloat);
  leaves.tensors().at("post_extract_proj.weight").sum().backward();
  leaves.accumulate(gradients);
  const at::Tensor touched = gradients.touched_views.at("post_extract_proj.weight");
  EXPECT_EQ(touched.narrow(0, 0, 64).min().item<int>(), 1);
  EXPECT_EQ(touched.narrow(0, 64, 64).max().item<int>(), 0);
  EXPECT_EQ(gradients.touched_views.at("encoder.layers.0.fc1.weight").max().item<int>(), 0);
}

TEST(Gradients, NormAndZeroSeeWhatWasTouched) {
  const Parameters parameters(
      {{"wide", at::zeros({100, 700}), true}, {"bias", at::zeros({9}), false}});
  Gradients gradients(parameters);
  EXPECT_EQ(gradients.norm(), 0);
  gradients.views.at("wide").narrow(0, 40, 7).fill_(0.5);
  gradients.touched_views.at("wide").narrow(0, 40, 7).fill_(1);
  gradients.views.at("bias").fill_(-2);
  gradients.touched_views.at("bias").fill_(1);
  EXPECT_NEAR(gradients.norm(), std::sqrt(4900 * 0.25 + 9 * 4), 1e-6);
  gradients.views.at("bias")[0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(gradients.norm()));
  gradients.zero();
  EXPECT_EQ(gradients.flat.count_nonzero().item<int64_t>(), 0);
  EXPECT_EQ(gradients.touched.count_nonzero().item<int64_t>(), 0);
}

}  // namespace
}  // namespace concertina
