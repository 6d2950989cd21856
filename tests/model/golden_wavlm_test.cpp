// Parity with transformers' WavLMModel (tests/parity/golden/wavlm.py).
#include "supernet/nn/position_bias.h"
#include "tests/model/closed_form.h"

namespace concertina {
namespace {

using testing::expect_near;
using testing::golden_batch;

SafetensorsFile golden() { return read_safetensors(testing::kGolden + "wavlm.safetensors"); }

void expect_wavlm(const std::string& name, const Blueprint& blueprint) {
  const SafetensorsFile file = golden();
  std::vector<LayerShape> layers;
  for (int32_t i = 0; i < 4; ++i) layers.push_back({i, 2, 256, 0});
  const Architecture architecture(std::vector<int32_t>(7, 32), 128, 20000, layers);
  const Subnet subnet = testing::closed_form_model(blueprint, architecture).slice(architecture);
  at::InferenceMode inference;
  for (const auto& [key, lengths] :
       {std::pair{name, std::vector<int64_t>{16000}},
        std::pair{name + "/padded", std::vector<int64_t>{16000, 9000, 4321}}}) {
    SpeechBatch batch = golden_batch(lengths);
    batch.padding = Padding::kOriginalHf;
    const EncoderOutput output = encode(subnet, batch, {.all_hidden = true});
    expect_near(testing::thinned(output.hidden, 7), file.tensors.at(key), key);
  }
}

TEST(Golden, WavLmBaseStyle) {
  Blueprint blueprint;
  blueprint.relative_position = {.buckets = 32, .max_distance = 40};
  expect_wavlm("base", blueprint);
}

TEST(Golden, WavLmLargeStyle) {
  Blueprint blueprint;
  blueprint.wave.norm = ExtractorNorm::kLayer;
  blueprint.norm_position = NormPosition::kPre;
  blueprint.normalize_waveform = true;
  blueprint.normalize_eps = 1e-7;
  blueprint.relative_position = {.buckets = 320, .max_distance = 800};
  expect_wavlm("large", blueprint);
}

TEST(Golden, WavLmBuckets) {
  const SafetensorsFile file = golden();
  for (int32_t distance : {800, 1280}) {
    const at::Tensor buckets =
        position_buckets({.buckets = 320, .max_distance = distance}, 2001, at::kCPU);
    // Keys before the last frame, then keys after the first.
    const at::Tensor ours = at::cat({buckets[2000].narrow(0, 0, 2000), buckets[0]});
    EXPECT_TRUE(
        at::equal(ours.to(at::kFloat), file.tensors.at("buckets/" + std::to_string(distance))))
        << distance;
  }
}

TEST(PositionBias, KnownBuckets) {
  const at::Tensor buckets = position_buckets({.buckets = 320}, 81, at::kCPU);
  EXPECT_EQ(buckets[0][0].item<int64_t>(), 0);
  EXPECT_EQ(buckets[0][1].item<int64_t>(), 161);
  EXPECT_EQ(buckets[79][0].item<int64_t>(), 79);
  EXPECT_EQ(buckets[0][80].item<int64_t>(), 240);
}

// A gate that has learned nothing scales the bias by 1.75; with a table of zeros the bias is gone.
TEST(PositionBias, UntrainedGate) {
  Blueprint gated = testing::wave_blueprint(ExtractorNorm::kGroup, NormPosition::kPost);
  gated.relative_position = {.buckets = 32, .max_distance = 40};
  Blueprint plain = gated, without = gated;
  plain.relative_position.gated = false;
  without.relative_position.buckets = 0;
  const Architecture net = Architecture::parse("c=32 e=128 p=20000 L=0-1:2x128");
  const auto single = [&](const Blueprint& blueprint) {
    return Supernet::random(SearchSpace::single(blueprint, {net, SlicingRule::kPrefix}), Rng(3));
  };
  Supernet with_gate = single(gated), with_bias = single(plain);
  for (auto& [name, tensor] : with_gate.weights()) {
    if (name.find("grep_linear") != std::string::npos) tensor.zero_();
  }
  const std::string table = "encoder.layers.0.self_attn.relative_attention_bias.weight";
  with_bias.weights().at(table).mul_(1.75);
  at::InferenceMode inference;
  const SpeechBatch batch = make_batch(testing::noise(1, 16000, 4));
  const auto last = [&](const Supernet& model) { return encode(model.slice(net), batch).frames.x; };
  EXPECT_LE(testing::max_difference(last(with_gate), last(with_bias)), 1e-5);
  EXPECT_GT(testing::max_difference(last(with_gate), last(single(without))), 1e-3);
  with_gate.weights().at(table).zero_();
  EXPECT_LE(testing::max_difference(last(with_gate), last(single(without))), 1e-5);
}

}  // namespace
}  // namespace concertina
