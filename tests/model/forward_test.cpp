#include <gtest/gtest.h>

#include "core/errors.h"
#include "tests/model/models.h"

namespace concertina {
namespace {

using testing::max_difference;

struct Case {
  const char* name;
  Blueprint blueprint;
  bool linear = false;  // attention of either kind

  SearchSpace space() const {
    const SearchSpace space = testing::small_space(blueprint);
    return linear ? testing::with_linear_attention(space) : space;
  }
};

class ForwardTest : public ::testing::TestWithParam<Case> {};

TEST_P(ForwardTest, PaddedBatchEqualsItsMembers) {
  const SearchSpace space = GetParam().space();
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

TEST_P(ForwardTest, SharedEncoderInputGivesTheSameOutput) {
  const SearchSpace space = GetParam().space();
  const Supernet supernet = testing::perturbed(space, 4);
  at::InferenceMode inference;
  const Architecture large = space.largest();
  const Architecture fewer({large.conv_channels()}, large.embed_dim(), large.frame_period_us(),
                           {large.layers().front()});
  const SpeechBatch batch = make_batch(testing::noise(2, 12000, 5));
  const Frames shared = encoder_input(supernet.slice(large), batch);
  const Subnet subnet = supernet.slice(fewer);
  EXPECT_EQ(max_difference(encode_from(subnet, shared).frames.x, encode(subnet, batch).frames.x),
            0);
}

TEST_P(ForwardTest, TooShortClipIsAnError) {
  const SearchSpace space = GetParam().space();
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
  const SearchSpace space = GetParam().space();
  const Subnet subnet = testing::perturbed(space, 15).slice(space.largest());
  at::InferenceMode inference;
  SpeechBatch batch = make_batch(testing::noise(2, 9000, 16));
  const at::Tensor exact = encode(subnet, batch).frames.x;
  for (Padding padding : {Padding::kOriginal, Padding::kOriginalHf}) {
    batch.padding = padding;
    EXPECT_EQ(max_difference(encode(subnet, batch).frames.x, exact), 0);
  }
}

// Quiet audio shows the epsilon: transformers' 1e-7 or fairseq's 1e-5 on the variance.
TEST(Forward, NormalizesWithTheModelsEpsilon) {
  Blueprint with = testing::wave_blueprint(ExtractorNorm::kGroup, NormPosition::kPost);
  Blueprint without = with;
  with.normalize_waveform = true;
  with.normalize_eps = 1e-7;
  const Architecture net = testing::small_space(with).smallest();
  const auto last = [&](const Blueprint& blueprint, const at::Tensor& wave) {
    const SearchSpace space = SearchSpace::single(blueprint, {net, SlicingRule::kPrefix});
    return encode(testing::perturbed(space, 17).slice(net), make_batch(wave)).frames.x;
  };
  at::InferenceMode inference;
  const at::Tensor quiet = testing::noise(1, 16000, 18) * 1e-3;
  const auto normalized = [&](double eps) {
    return (quiet - quiet.mean()) / (quiet.var(/*unbiased=*/false) + eps).sqrt();
  };
  EXPECT_LE(max_difference(last(with, quiet), last(without, normalized(1e-7))), 1e-5);
  EXPECT_GT(max_difference(last(with, quiet), last(without, normalized(1e-5))), 1e-3);
}

// What the reusing layer sees is the map of the source: with q and k of the source moved to it and
// its own value, an ordinary layer on the same input gives the same.
TEST(Forward, ReusedMapIsTheSourcesMap) {
  Blueprint reuse = testing::reuse_blueprint(), ordinary = reuse;
  reuse.norm_position = ordinary.norm_position = NormPosition::kPre;
  ordinary.attention_reuse.clear();
  // The source adds nothing (its values are zero), so that both layers attend over the same input.
  const Architecture net = Architecture::parse("c=32 e=128 p=20000 L=0:2x0,1:2x128");
  const auto single = [&](const Blueprint& blueprint) {
    return testing::perturbed(SearchSpace::single(blueprint, {net, SlicingRule::kPrefix}), 19);
  };
  Supernet a = single(reuse), b = single(ordinary);
  const std::string first = "encoder.layers.0.self_attn", second = "encoder.layers.1.self_attn";
  for (auto& [name, tensor] : b.weights()) {
    if (name.starts_with(first + ".v_proj") || name == first + ".out_proj.bias") tensor.zero_();
    if (a.weights().contains(name)) a.weights().at(name).copy_(tensor);
  }
  for (const char* part : {".q_proj.weight", ".q_proj.bias", ".k_proj.weight", ".k_proj.bias",
                           "_layer_norm.weight", "_layer_norm.bias"}) {
    b.weights().at(second + part).copy_(b.weights().at(first + part));
  }
  for (const char* part : {"_layer_norm.weight", "_layer_norm.bias"}) {
    a.weights().at(second + part).copy_(b.weights().at(first + part));
  }
  at::InferenceMode inference;
  const SpeechBatch batch = make_batch(testing::noise(2, 12000, 20));
  EXPECT_LE(
      max_difference(encode(a.slice(net), batch).frames.x, encode(b.slice(net), batch).frames.x),
      2e-5);
}

INSTANTIATE_TEST_SUITE_P(
    Blueprints, ForwardTest,
    ::testing::Values(
        Case{"mel", testing::mel_blueprint()},
        Case{"wave_group_post",
             testing::wave_blueprint(ExtractorNorm::kGroup, NormPosition::kPost)},
        Case{"wave_layer_post",
             testing::wave_blueprint(ExtractorNorm::kLayer, NormPosition::kPost)},
        Case{"wave_layer_pre", testing::wave_blueprint(ExtractorNorm::kLayer, NormPosition::kPre)},
        Case{"wavlm_post", testing::wavlm_blueprint(NormPosition::kPost)},
        Case{"wavlm_pre", testing::wavlm_blueprint(NormPosition::kPre)},
        Case{"linear_mel", testing::mel_blueprint(), true},
        Case{"linear_wave_pre", testing::wave_blueprint(ExtractorNorm::kLayer, NormPosition::kPre),
             true},
        Case{"reuse", testing::reuse_blueprint()},
        Case{"joined_conv", testing::joined_blueprint(RateKind::kConv)},
        Case{"joined_linear", testing::joined_blueprint(RateKind::kLinear)},
        Case{"joined_average", testing::joined_blueprint(RateKind::kAverage)},
        Case{"whisper", testing::whisper_blueprint()},
        Case{"whisper_joined", testing::whisper_blueprint(RateKind::kConv)}),
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

TEST(Forward, TheKindOfAttentionTakesPartWithTheSameWeights) {
  const SearchSpace space =
      testing::with_linear_attention(testing::small_space(testing::mel_blueprint()));
  const Supernet supernet = testing::perturbed(space, 9);
  const Architecture softmax = space.largest();
  std::vector<LayerShape> layers = softmax.layers();
  layers[1].attention = AttentionKind::kLinear;
  const Architecture mixed({}, softmax.embed_dim(), softmax.frame_period_us(), layers);
  const Subnet a = supernet.slice(softmax), b = supernet.slice(mixed);
  const SpeechBatch batch = make_batch(testing::noise(1, 16000, 10));
  const auto x = encode(a, batch, {.all_hidden = true}).hidden;
  const auto y = encode(b, batch, {.all_hidden = true}).hidden;
  EXPECT_EQ(max_difference(x[1], y[1]), 0);
  EXPECT_GT(max_difference(x[2], y[2]), 1e-3);
}

TEST(Forward, LowPrecisionStaysNear) {
  for (const Blueprint& blueprint :
       {testing::mel_blueprint(), testing::wavlm_blueprint(NormPosition::kPost),
        testing::wave_blueprint(ExtractorNorm::kLayer, NormPosition::kPre)}) {
    const SearchSpace space = testing::small_space(blueprint);
    const Supernet supernet = testing::perturbed(space, 13);
    const SpeechBatch batch = make_batch(testing::noise(2, 16000, 14));
    const at::Tensor fp32 = encode(supernet.slice(space.largest()), batch).frames.x;
    const Subnet low = supernet.slice(space.largest(), at::kBFloat16);
    EXPECT_EQ(low.weights.positional.weight.scalar_type(), at::kBFloat16);
    const at::Tensor bf16 = encode(low, batch).frames.x.to(at::kFloat);
    EXPECT_LE(((fp32 - bf16).norm() / fp32.norm()).item<double>(), 0.03);
  }
}

}  // namespace
}  // namespace concertina
