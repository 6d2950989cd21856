// A model and a corpus small enough to train in a second.
#pragma once

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <string>

#include "speech/audio.h"
#include "speech/manifest.h"
#include "supernet/model/supernet.h"

namespace concertina::testing {

inline SearchSpace tiny_space() {
  Blueprint blueprint;
  blueprint.front_end = FrontEndKind::kLogMel;
  blueprint.mel.bins = 16;
  blueprint.head_dim = 8;
  blueprint.positional = {.kernel = 5, .groups = 4, .weight_norm = false, .interleaved = true};
  blueprint.rate = RateKind::kCif;
  SpaceChoices choices;
  choices.embed_dim = {16, 32};
  choices.frame_period_us = {20000, 40000};
  choices.heads = {1, 2};
  choices.ffn_ratio = {1, 2};
  choices.storage_depth = 2;
  choices.depth = {1, 2};
  return SearchSpace(blueprint, choices);
}

// With a waveform front end of two widths.
inline SearchSpace tiny_wave_space() {
  Blueprint blueprint;
  blueprint.wave.norm = ExtractorNorm::kLayer;
  blueprint.normalize_waveform = true;
  blueprint.head_dim = 8;
  blueprint.positional = {.kernel = 5, .groups = 4, .weight_norm = false, .interleaved = true};
  SpaceChoices choices;
  const size_t layers = blueprint.wave.layers.size();
  choices.conv_channels = {std::vector<int32_t>(layers, 8), std::vector<int32_t>(layers, 12)};
  choices.embed_dim = {16, 32};
  choices.frame_period_us = {20000};
  choices.heads = {1, 2};
  choices.ffn_ratio = {1, 2};
  choices.storage_depth = 2;
  choices.depth = {1, 2};
  return SearchSpace(blueprint, choices);
}

// Whisper's kind, with positions for half a second.
inline SearchSpace tiny_whisper_space() {
  Blueprint blueprint;
  blueprint.front_end = FrontEndKind::kWhisper;
  blueprint.whisper.bins = 16;
  blueprint.key_bias = false;
  blueprint.norm_position = NormPosition::kPre;
  blueprint.head_dim = 8;
  blueprint.positional = {.kernel = 0, .groups = 1, .weight_norm = false};
  blueprint.position_embeddings = 25;
  blueprint.rate = RateKind::kAverage;
  return SearchSpace(blueprint, tiny_space().choices());
}

inline SearchSpace tiny_teacher(const SearchSpace& space) {
  return SearchSpace::single(space.blueprint(), {space.largest(), SlicingRule::kPrefix});
}

// Tones with a little noise, a pitch a row: [batch, samples].
inline at::Tensor tones(int64_t batch, int64_t samples, uint64_t seed) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  const at::Tensor time = at::arange(samples, at::kFloat) / 16000;
  const at::Tensor pitch = at::empty({batch, 1}).uniform_(200, 2000, generator);
  return (time * pitch * 6.2831853).sin() * 0.3 +
         at::empty({batch, samples}).normal_(0, 0.01, generator);
}

struct TempFolder {
  explicit TempFolder(const std::string& name)
      : path(std::filesystem::temp_directory_path() /
             ("concertina-" + name + "-" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path);
  }
  ~TempFolder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

// Twelve clips of 1 to 2 seconds; every fourth is dev.
inline Manifest tiny_corpus(const std::filesystem::path& folder) {
  Manifest manifest;
  manifest.folder = folder;
  for (int32_t i = 0; i < 12; ++i) {
    const int64_t samples = 16000 + 1234 * i;
    const at::Tensor wave = tones(1, samples, static_cast<uint64_t>(i)).contiguous();
    Clip clip;
    clip.id = "clip" + std::to_string(i);
    clip.path = clip.id + ".wav";
    clip.samples = samples;
    clip.source = "tones";
    clip.split = i % 4 == 3 ? Split::kDev : Split::kTrain;
    write_wav(folder / clip.path,
              std::span<const float>(wave.const_data_ptr<float>(), static_cast<size_t>(samples)));
    manifest.clips.push_back(clip);
  }
  return manifest;
}

}  // namespace concertina::testing
