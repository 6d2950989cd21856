#include <gtest/gtest.h>

#include "core/errors.h"
#include "tests/model/models.h"

namespace concertina {
namespace {

using testing::max_difference;

struct Case {
  const char* name;
  Blueprint blueprint;
};

class ForwardTest : public ::testing::TestWithParam<Case> {};

TEST_P(ForwardTest, PaddedBatchEqualsItsMembers) {
  const SearchSpace space = testing::small_space(GetParam().blueprint);
  const Supernet supernet = testing::perturbed(space, 1);
  at::InferenceMode inference;
  Rng rng(2);
  for (int trial = 0; trial < 4; ++trial) {
    const Subnet subnet = supernet.slice(space.sample(rng));
    const at::Tensor wave = testing::noise(1, 16000, 3)[0];
    std::vector<std::vector<float>> clips;
    for (int64_t n : {16000, 9000, 4321})
      clips.emplace_back(wave.data_ptr<float>(), wave.data_ptr<float>() + n);
    const EncoderOutput padded = encode(subnet, make_batch(clips), {.all_hidden = true});
    for (size_t b = 0; b < clips.size(); ++b) {
      const EncoderOutput alone =
          encode(subnet, make_batch(std::span(&clips[b], 1)), {.all_hidden = true});
      for (size_t layer = 0; layer < alone.hidden.size(); ++layer) {
        const at::Tensor native = alone.hidden[layer][0];
        const auto row = static_cast<int64_t>(b);
        EXPECT_LE(max_difference(padded.hidden[layer][row].narrow(0, 0, native.size(0)), native),
                  2e-5)
            << subnet.architecture.key() << " layer " << layer << " clip " << b;
        const at::Tensor base = to_base_frames(alone.frames, alone.hidden[layer])[0];
        EXPECT_LE(max_difference(to_base_frames(padded.frames, padded.hidden[layer])[row].narrow(
                                     0, 0, base.size(0)),
                                 base),
                  2e-5);
      }
    }
  }
}

TEST_P(ForwardTest, SharedBeginGivesTheSameFeatures) {
  const SearchSpace space = testing::small_space(GetParam().blueprint);
  const Supernet supernet = testing::perturbed(space, 4);
  at::InferenceMode inference;
  const Architecture large = space.largest();
  const Architecture fewer({large.conv_channels()}, large.embed_dim(), large.frame_period_us(),
                           {large.layers().front()});
  const SpeechBatch batch = make_batch(testing::noise(2, 12000, 5));
  const Frames shared = begin(supernet.slice(large), batch);
  const Subnet subnet = supernet.slice(fewer);
  EXPECT_EQ(max_difference(encode_from(subnet, shared).frames.x, encode(subnet, batch).frames.x),
            0);
}

TEST_P(ForwardTest, TooShortClipIsOneClearSentence) {
  const SearchSpace space = testing::small_space(GetParam().blueprint);
  const Subnet subnet = testing::perturbed(space, 11).slice(space.smallest());
  for (Padding padding : {Padding::kExact, Padding::kOriginal, Padding::kOriginalHf}) {
    SpeechBatch batch = make_batch(testing::noise(2, 16000, 12));
    batch.lengths[1] = 100;
    batch.padding = padding;
    try {
      encode(subnet, batch);
      FAIL();
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()).find("100 samples is too short"), std::string::npos)
          << error.what();
    }
  }
  EXPECT_THROW(encode(subnet, make_batch(testing::noise(1, 100, 12))), InputError);
}

TEST_P(ForwardTest, PaddingKindsAgreeWhereNothingIsPadded) {
  const SearchSpace space = testing::small_space(GetParam().blueprint);
  const Subnet subnet = testing::perturbed(space, 15).slice(space.largest());
  at::InferenceMode inference;
  SpeechBatch batch = make_batch(testing::noise(2, 9000, 16));
  const at::Tensor exact = encode(subnet, batch).frames.x;
  for (Padding padding : {Padding::kOriginal, Padding::kOriginalHf}) {
    batch.padding = padding;
    EXPECT_EQ(max_difference(encode(subnet, batch).frames.x, exact), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Blueprints, ForwardTest,
    ::testing::Values(Case{"mel", testing::mel_blueprint()},
                      Case{"wave_group_post",
                           testing::wave_blueprint(ExtractorNorm::kGroup, NormPosition::kPost)},
                      Case{"wave_layer_post",
                           testing::wave_blueprint(ExtractorNorm::kLayer, NormPosition::kPost)},
                      Case{"wave_layer_pre",
                           testing::wave_blueprint(ExtractorNorm::kLayer, NormPosition::kPre)}),
    [](const auto& instance) { return std::string(instance.param.name); });

TEST(Forward, MaskReplacesFramesByTheMaskEmbedding) {
  const Blueprint blueprint = testing::mel_blueprint();
  const SearchSpace space = testing::small_space(blueprint);
  const Subnet subnet = testing::perturbed(space, 6).slice(space.largest());
  SpeechBatch a = make_batch(testing::noise(1, 16000, 7));
  SpeechBatch b = make_batch(testing::noise(1, 16000, 8));
  a.mask = b.mask = at::ones({1, 50}, at::kBool);
  EXPECT_EQ(max_difference(encode(subnet, a).frames.x, encode(subnet, b).frames.x), 0)
      << "all frames are masked";
}

TEST(Forward, WindowedAttentionOfFullWidthIsGlobal) {
  const SearchSpace space = testing::small_space(testing::mel_blueprint());
  const Supernet supernet = testing::perturbed(space, 9);
  Architecture global = space.smallest();
  std::vector<LayerShape> layers = global.layers();
  for (LayerShape& layer : layers) layer.window = 1000;
  const Architecture windowed({}, global.embed_dim(), global.frame_period_us(), layers);
  Subnet wide = supernet.slice(global);
  for (LayerWeights& layer : wide.weights.layers) layer.shape.window = 1000;
  const SpeechBatch batch = make_batch(testing::noise(1, 16000, 10));
  EXPECT_LE(
      max_difference(encode(wide, batch).frames.x, encode(supernet.slice(global), batch).frames.x),
      1e-5);
  for (LayerWeights& layer : wide.weights.layers) layer.shape.window = 4;
  EXPECT_GT(
      max_difference(encode(wide, batch).frames.x, encode(supernet.slice(global), batch).frames.x),
      1e-3);
}

TEST(Forward, LowPrecisionStaysNear) {
  const SearchSpace space = testing::small_space(testing::mel_blueprint());
  const Supernet supernet = testing::perturbed(space, 13);
  const SpeechBatch batch = make_batch(testing::noise(2, 16000, 14));
  const at::Tensor fp32 = encode(supernet.slice(space.largest()), batch).frames.x;
  const at::Tensor bf16 =
      encode(supernet.slice(space.largest(), at::kBFloat16), batch).frames.x.to(at::kFloat);
  EXPECT_LE(((fp32 - bf16).norm() / fp32.norm()).item<double>(), 0.03);
}

}  // namespace
}  // namespace concertina
