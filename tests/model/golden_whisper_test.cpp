// Parity with transformers' WhisperEncoder and WhisperFeatureExtractor
// (tests/parity/golden/whisper.py).
#include "supernet/nn/whisper.h"
#include "tests/model/closed_form.h"

namespace concertina {
namespace {

using testing::expect_near;
using testing::golden_batch;

const std::vector<int64_t> kClips = {16000, 9000, 4321};

struct Size {
  int32_t embed, heads, ffn, layers, bins, positions;
  int64_t step;  // of the values that the golden file holds
};

void expect_whisper(const std::string& name, const Size& size) {
  const SafetensorsFile golden = read_safetensors(testing::kGolden + "whisper.safetensors");
  Blueprint blueprint = testing::whisper_blueprint();
  blueprint.head_dim = 64;
  blueprint.whisper.bins = size.bins;
  blueprint.position_embeddings = size.positions;
  std::vector<LayerShape> layers;
  for (int32_t i = 0; i < size.layers; ++i) layers.push_back({i, size.heads, size.ffn, 0});
  const Architecture architecture({}, size.embed, 20000, layers);
  const Subnet subnet = testing::closed_form_model(blueprint, architecture).slice(architecture);
  at::InferenceMode inference;
  const auto expect_clip = [&](const EncoderOutput& output, int64_t row, int64_t samples) {
    const int64_t frames = output.frames.lengths[row].item<int64_t>();
    std::vector<at::Tensor> states;
    for (const at::Tensor& hidden : output.hidden)
      states.push_back(hidden[row].narrow(0, 0, frames));
    const std::string key = name + "/" + std::to_string(samples);
    expect_near(testing::thinned(states, size.step), golden.tensors.at(key), key);
  };
  const EncoderOutput padded = encode(subnet, golden_batch(kClips), {.all_hidden = true});
  for (size_t i = 0; i < kClips.size(); ++i) {
    expect_clip(padded, static_cast<int64_t>(i), kClips[i]);
    expect_clip(encode(subnet, golden_batch({kClips[i]}), {.all_hidden = true}), 0, kClips[i]);
  }
}

TEST(Golden, Whisper64) { expect_whisper("1", {64, 1, 128, 2, 80, 50, 7}); }
TEST(Golden, Whisper128) { expect_whisper("2", {128, 2, 256, 4, 80, 100, 7}); }
TEST(Golden, Whisper192With128Bins) { expect_whisper("3", {192, 3, 768, 3, 128, 100, 7}); }
TEST(Golden, WhisperTinysSize) { expect_whisper("4", {384, 6, 1536, 4, 80, 1500, 37}); }

TEST(Golden, WhisperLogMel) {
  const SafetensorsFile golden = read_safetensors(testing::kGolden + "whisper.safetensors");
  const SpeechBatch batch = golden_batch(kClips);
  for (const int64_t bins : {80, 128}) {
    const at::Tensor mel = whisper_log_mel(batch.waveform, batch.lengths, bins, 16000);
    for (size_t i = 0; i < kClips.size(); ++i) {
      const at::Tensor own = mel[static_cast<int64_t>(i)].narrow(0, 0, kClips[i] / 160);
      const std::string key = "mel" + std::to_string(bins) + "/" + std::to_string(kClips[i]);
      expect_near(own.flatten().slice(0, 0, std::nullopt, 7), golden.tensors.at(key), key);
    }
  }
}

}  // namespace
}  // namespace concertina
