#include "supernet/nn/visible_frames.h"

#include <gtest/gtest.h>

#include "tests/model/models.h"

namespace concertina {
namespace {

using testing::max_difference;

WaveFrontEnd stack(std::vector<ConvLayer> layers, ExtractorNorm norm) {
  WaveFrontEnd wave;
  wave.layers = std::move(layers);
  wave.norm = norm;
  return wave;
}

// True in spans of 7 frames, which overlap.
at::Tensor spans(int64_t rows, int64_t frames, uint64_t seed) {
  at::Tensor mask = at::zeros({rows, frames}, at::kBool);
  Rng rng(seed);
  for (int64_t b = 0; b < rows; ++b) {
    for (int64_t count = frames / 10; count > 0; --count) {
      mask[b].narrow(0, rng.below(frames - 6), 7).fill_(true);
    }
  }
  return mask;
}

struct Case {
  const char* name;
  Blueprint blueprint;
};

Blueprint blueprint_of(std::vector<ConvLayer> layers, ExtractorNorm norm, bool bias = false) {
  Blueprint blueprint = testing::wave_blueprint(norm, NormPosition::kPost);
  blueprint.wave.layers = std::move(layers);
  blueprint.wave.bias = bias;
  blueprint.normalize_waveform = false;
  return blueprint;
}

bool is_group_normed(const Blueprint& blueprint) {
  return blueprint.wave.norm == ExtractorNorm::kGroup;
}

// Three clips of different lengths, masked.
SpeechBatch masked_batch(const Blueprint& blueprint) {
  SpeechBatch batch = make_batch(testing::noise(3, 30000, 2));
  batch.lengths[1] = 21111;
  batch.lengths[2] = 5000;
  batch.waveform[1].narrow(0, 21111, 30000 - 21111).zero_();
  batch.waveform[2].narrow(0, 5000, 25000).zero_();
  batch.mask = spans(3, blueprint.frames(30000), 3);
  return batch;
}

// The subnet's tensors as leaves of a graph.
Subnet trained(const Subnet& subnet) {
  TensorMap tensors;
  for (const auto& [name, tensor] : subnet.tensors) {
    tensors[name] = tensor.detach().clone().requires_grad_();
  }
  return make_subnet(subnet.blueprint, subnet.architecture, std::move(tensors));
}

at::Tensor output_of(const Subnet& subnet, const SpeechBatch& batch) {
  const EncoderOutput output = encode(subnet, batch);
  return to_base_frames(output.frames, output.frames.x) * base_valid(output.frames).unsqueeze(2);
}

class VisibleFramesTest : public ::testing::TestWithParam<Case> {};

TEST_P(VisibleFramesTest, OutputAndGradientsAreThoseOfAllFrames) {
  const Blueprint& blueprint = GetParam().blueprint;
  const SearchSpace space = testing::small_space(blueprint);
  const Supernet supernet = testing::perturbed(space, 1);
  SpeechBatch all = masked_batch(blueprint), planned = all;
  planned.visible = visible_frames(blueprint, all.lengths, all.waveform.size(1), all.mask);
  ASSERT_TRUE(planned.visible);
  for (const Architecture& net : {space.smallest(), space.largest()}) {
    const Subnet a = trained(supernet.slice(net)), b = trained(supernet.slice(net));
    const at::Tensor x = output_of(a, all), y = output_of(b, planned);
    EXPECT_LE(max_difference(x, y), 2e-5);
    const at::Tensor weight = at::linspace(-1, 1, x.numel()).view_as(x);
    (x * weight).sum().backward();
    (y * weight).sum().backward();
    for (const auto& [name, tensor] : a.tensors) {
      if (!tensor.grad().defined()) continue;
      // Before a group norm a bias has a gradient of zero and rounding errors.
      if (name == "feature_extractor.conv_layers.0.0.bias" && is_group_normed(blueprint)) continue;
      const double scale = std::max(1e-3, tensor.grad().abs().max().item<double>());
      EXPECT_LE(max_difference(tensor.grad(), b.tensors.at(name).grad()) / scale, 1e-4) << name;
    }
  }
}

TEST_P(VisibleFramesTest, NothingElseIsRead) {
  const Blueprint& blueprint = GetParam().blueprint;
  if (is_group_normed(blueprint)) return;  // its statistics are of all samples
  SpeechBatch batch = masked_batch(blueprint);
  batch.mask.zero_();
  // Its first and last frame share samples with others.
  batch.mask[0].narrow(0, 20, 40).fill_(true);
  batch.visible = visible_frames(blueprint, batch.lengths, batch.waveform.size(1), batch.mask);
  const SearchSpace space = testing::small_space(blueprint);
  const Subnet subnet = testing::perturbed(space, 1).slice(space.largest());
  at::InferenceMode inference;
  const at::Tensor before = output_of(subnet, batch);
  const int64_t hop = blueprint.base_frame_samples();
  batch.waveform[0].narrow(0, 23 * hop, 34 * hop).fill_(NAN);
  EXPECT_EQ(max_difference(output_of(subnet, batch), before), 0);
}

const std::vector<ConvLayer> kHubert = WaveFrontEnd().layers;

INSTANTIATE_TEST_SUITE_P(
    Blueprints, VisibleFramesTest,
    ::testing::Values(
        Case{"layer", blueprint_of(kHubert, ExtractorNorm::kLayer)},
        Case{"group", blueprint_of(kHubert, ExtractorNorm::kGroup)},
        Case{"group_bias", blueprint_of(kHubert, ExtractorNorm::kGroup, true)},
        Case{"joined", testing::joined_blueprint(RateKind::kConv)},
        // CIF reads what is masked: with 40 ms nothing may be left out
        Case{"cif", testing::with_cif(blueprint_of(kHubert, ExtractorNorm::kLayer))},
        Case{"no_tail", blueprint_of({{10, 5}, {3, 2}, {3, 2}, {3, 2}, {3, 2}, {2, 2}, {4, 2}},
                                     ExtractorNorm::kLayer)},
        Case{"no_overlap", blueprint_of({{10, 10}, {2, 2}, {2, 2}, {2, 2}, {2, 2}, {2, 2}, {1, 1}},
                                        ExtractorNorm::kLayer)}),
    [](const auto& instance) { return std::string(instance.param.name); });

TEST(VisibleFrames, PartsOfTheStack) {
  const StackParts layer = parts_of(stack(kHubert, ExtractorNorm::kLayer));
  EXPECT_EQ(layer.whole, 0);
  EXPECT_EQ(layer.overlapping, 5);
  EXPECT_EQ(layer.hop, 80);
  EXPECT_EQ(layer.frame_blocks, 4);
  EXPECT_EQ(layer.context, 1);
  const StackParts group = parts_of(stack(kHubert, ExtractorNorm::kGroup));
  EXPECT_EQ(group.whole, 1);
  EXPECT_EQ(group.hop, 16);
  EXPECT_EQ(group.context, 1);
  // A frame that reaches over three others.
  const StackParts wide = parts_of(stack({{640, 160}, {2, 2}}, ExtractorNorm::kLayer));
  EXPECT_EQ(wide.overlapping, 1);
  EXPECT_EQ(wide.context, 3);
}

TEST(VisibleFrames, ComputeLittleMoreThanNeeded) {
  const Blueprint blueprint = blueprint_of(kHubert, ExtractorNorm::kLayer);
  const int64_t samples = 80000, frames = blueprint.frames(samples);
  const at::Tensor lengths = at::tensor({80000, 80000, 80000, 20000}, at::kLong);
  const at::Tensor mask = spans(4, frames, 5);
  const auto visible = visible_frames(blueprint, lengths, samples, mask);
  ASSERT_TRUE(visible);
  const int64_t valid = blueprint.frames(20000);
  const int64_t open = mask.narrow(0, 0, 3).logical_not().sum().item<int64_t>() +
                       mask[3].narrow(0, 0, valid).logical_not().sum().item<int64_t>();
  EXPECT_EQ(visible->frames.numel(), open);
  EXPECT_LE(static_cast<double>(visible->blocks.numel()),
            4 * 1.12 * static_cast<double>(open) + 129);
}

TEST(VisibleFrames, OneFrameAtLeastAndNoneWithoutConvolutions) {
  const Blueprint blueprint = blueprint_of(kHubert, ExtractorNorm::kLayer);
  const at::Tensor lengths = at::tensor({4000}, at::kLong);
  const at::Tensor mask = at::ones({1, blueprint.frames(4000)}, at::kBool);
  EXPECT_EQ(visible_frames(blueprint, lengths, 4000, mask)->frames.numel(), 1);
  EXPECT_FALSE(visible_frames(testing::mel_blueprint(), lengths, 4000, mask));
}

}  // namespace
}  // namespace concertina
