#include "supernet/model/parameters.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

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

// Every element of a plain slice, and no other, is marked as touched.
void expect_marks(const Gradients& gradients, const std::vector<TensorSlice>& slices) {
  for (const TensorSlice& slice : slices) {
    if (slice.kind != SliceKind::kPlain || !slice.trained) continue;
    const at::Tensor touched = gradients.touched.of(gradients.views.at(slice.name));
    EXPECT_LE(touched.sum().item<int64_t>(), slice.numel()) << slice.name;
    const bool reached = touched.sum().item<int64_t>() > 0;  // by the loss
    EXPECT_TRUE(!reached || take_slice(touched, slice).min().item<int>() == 1) << slice.name;
  }
}

// Returns how many slices were gathered, and how many cut from a normalised kernel.
std::pair<int, int> expect_leaves_agree(const SearchSpace& space) {
  std::pair<int, int> seen;
  const Supernet supernet = testing::perturbed(space, 1);
  const SpeechBatch batch = make_batch(testing::noise(1, 8000, 2));
  const auto storage =
      tensor_slices(supernet.blueprint(), supernet.storage(), supernet.storage().shape);
  Parameters parameters(trainable(supernet.weights(), storage));
  Gradients gradients(parameters);
  Rng rng(3);
  for (int i = 0; i < 4; ++i) {
    const Architecture architecture = i == 0 ? space.largest() : space.sample(rng);
    const auto slices = tensor_slices(supernet.blueprint(), supernet.storage(), architecture);
    for (const TensorSlice& slice : slices) {
      seen.first += std::ranges::any_of(slice.dims, [](auto& d) { return !d.indices.empty(); });
      seen.second += slice.kind == SliceKind::kBakedWeightNorm;
    }
    gradients.zero();
    Leaves leaves(parameters, slices, at::kFloat);
    leaves.accumulate_into(gradients);
    TensorMap tensors = leaves.tensors();
    for (const TensorSlice& slice : slices) {
      if (!slice.trained)
        tensors[slice.name] = take_slice(supernet.weights().at(slice.name), slice);
    }
    encode(make_subnet(supernet.blueprint(), architecture, tensors), batch)
        .frames.x.sin()
        .sum()
        .backward();
    expect_marks(gradients, slices);
    const TensorMap reference = reference_gradients(supernet, architecture, batch);
    for (const auto& [name, view] : gradients.views) {
      const at::Tensor& expected = reference.at(name);
      if (!expected.defined()) {
        EXPECT_EQ(view.abs().sum().item<double>(), 0) << name;
        continue;
      }
      const double scale = std::max(1.0, expected.abs().max().item<double>());
      EXPECT_LE(max_difference(view, expected), 2e-5 * scale) << name << " " << architecture.key();
      const at::Tensor outside =
          expected.masked_select(gradients.touched.of(gradients.views.at(name)) == 0);
      if (outside.numel() > 0) {
        EXPECT_EQ(outside.abs().max().item<double>(), 0) << name;
      }
    }
  }
  return seen;
}

TEST(Leaves, GradientsEqualAutogradThroughSlicesMel) {
  expect_leaves_agree(testing::small_space(testing::mel_blueprint()));
}

TEST(Leaves, GradientsEqualAutogradThroughSlicesWhisper) {
  expect_leaves_agree(testing::small_space(testing::whisper_blueprint()));
}

TEST(Leaves, GradientsEqualAutogradThroughSlicesWaveNormalisedConv) {
  expect_leaves_agree(
      testing::small_space(testing::wave_blueprint(ExtractorNorm::kGroup, NormPosition::kPost)));
}

TEST(Leaves, GradientsEqualAutogradThroughSlicesOfChannelsAndRateUnit) {
  for (const ExtractorNorm norm : {ExtractorNorm::kGroup, ExtractorNorm::kLayer}) {
    Blueprint blueprint = testing::wave_blueprint(norm, NormPosition::kPre);
    blueprint.rate = RateKind::kCif;
    expect_leaves_agree(testing::small_space(blueprint));
  }
}

// LightHuBERT's rule: FFN rows are gathered, the positional conv is normalised before it is cut.
TEST(Leaves, GradientsEqualAutogradThroughGatheredRows) {
  const auto [gathered, baked] = expect_leaves_agree(
      testing::small_space(testing::wave_blueprint(ExtractorNorm::kLayer, NormPosition::kPost),
                           SlicingRule::kLightHubert));
  EXPECT_GE(gathered, 6);
  EXPECT_GE(baked, 4);
}

// Both rules against finite differences: along the gradient the loss rises by the gradient's norm,
// and what is not marked does not move it.
TEST(Leaves, GradientsMatchFiniteDifferences) {
  for (const SlicingRule rule : {SlicingRule::kPrefix, SlicingRule::kLightHubert}) {
    const SearchSpace space = testing::small_space(
        testing::wave_blueprint(ExtractorNorm::kGroup, NormPosition::kPost), rule);
    const Supernet supernet = testing::perturbed(space, 5);
    const Architecture narrow = Architecture::parse("c=24 e=96 p=20000 L=0:1x192,1:2x96,3:2x384");
    const auto slices = tensor_slices(supernet.blueprint(), supernet.storage(), narrow);
    Parameters parameters(trainable(
        supernet.weights(),
        tensor_slices(supernet.blueprint(), supernet.storage(), supernet.storage().shape)));
    const SpeechBatch batch = make_batch(testing::noise(1, 8000, 6));
    const auto loss = [&](const Leaves& leaves) {
      const Subnet subnet = make_subnet(supernet.blueprint(), narrow, leaves.tensors());
      return encode(subnet, batch).frames.x.sin().to(at::kDouble).sum();
    };
    Gradients gradients(parameters);
    Leaves leaves(parameters, slices, at::kFloat);
    leaves.accumulate_into(gradients);
    loss(leaves).backward();

    const at::Tensor start = parameters.flat().clone();
    const auto loss_at = [&](const at::Tensor& step) {
      parameters.flat().copy_(start + step);
      return loss(Leaves(parameters, slices, at::kFloat)).item<double>();
    };
    const double norm = gradients.flat.norm().item<double>();
    const at::Tensor step = gradients.flat * (1e-3 / norm);
    EXPECT_NEAR((loss_at(step) - loss_at(-step)) / 2e-3, norm, 0.02 * norm);
    EXPECT_EQ(loss_at((gradients.touched.of(gradients.flat) == 0).to(at::kFloat)),
              loss_at(at::zeros_like(start)));
  }
}

TEST(Leaves, UntouchedPartsAreNotMarked) {
  const SearchSpace space = testing::small_space(testing::mel_blueprint());
  const Supernet supernet = testing::perturbed(space, 4);
  Parameters parameters(
      trainable(supernet.weights(),
                tensor_slices(supernet.blueprint(), supernet.storage(), supernet.storage().shape)));
  Gradients gradients(parameters);
  Leaves leaves(parameters,
                tensor_slices(supernet.blueprint(), supernet.storage(), space.smallest()),
                at::kFloat);
  leaves.accumulate_into(gradients);
  leaves.tensors().at("post_extract_proj.weight").sum().backward();
  const at::Tensor touched = gradients.touched.of(gradients.views.at("post_extract_proj.weight"));
  EXPECT_EQ(touched.narrow(0, 0, 64).min().item<int>(), 1);
  EXPECT_EQ(touched.narrow(0, 64, 64).max().item<int>(), 0);
  EXPECT_EQ(
      gradients.touched.of(gradients.views.at("encoder.layers.0.fc1.weight")).max().item<int>(), 0);
}

TEST(Gradients, NormAndZeroCoverTouchedElements) {
  const Parameters parameters(
      {{"wide", at::zeros({100, 700}), true}, {"bias", at::zeros({9}), false}});
  Gradients gradients(parameters);
  EXPECT_EQ(gradients.norm().item<double>(), 0);
  gradients.views.at("wide").narrow(0, 40, 7).fill_(0.5);
  gradients.touched.add(gradients.views.at("wide").narrow(0, 40, 7));
  gradients.views.at("bias").fill_(-2);
  gradients.touched.add(gradients.views.at("bias"));
  EXPECT_NEAR(gradients.norm().item<double>(), std::sqrt(4900 * 0.25 + 9 * 4), 1e-6);
  gradients.views.at("bias")[0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(gradients.norm().item<double>()));
  gradients.zero();
  EXPECT_EQ(gradients.flat.count_nonzero().item<int64_t>(), 0);
  EXPECT_EQ(gradients.touched.of(gradients.flat).count_nonzero().item<int64_t>(), 0);
}

}  // namespace
}  // namespace concertina
