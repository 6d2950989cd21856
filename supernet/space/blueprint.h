// What every subnet of one model shares. Torch-free; stored in every model file and study as JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/config.h"

namespace concertina {

enum class FrontEndKind { kWave, kLogMel };
enum class ExtractorNorm { kGroup, kLayer };  // fairseq extractor_mode "default" | "layer_norm"
enum class NormPosition { kPost, kPre };      // pre = HF "do_stable_layer_norm"
enum class RateKind { kNone, kCif };

struct ConvLayer {
  int32_t kernel = 3;
  int32_t stride = 2;
  bool operator==(const ConvLayer&) const = default;
};

// The waveform front end: fairseq's conv stack; its widths are part of the architecture.
struct WaveFrontEnd {
  std::vector<ConvLayer> layers = {{10, 5}, {3, 2}, {3, 2}, {3, 2}, {3, 2}, {2, 2}, {2, 2}};
  ExtractorNorm norm = ExtractorNorm::kGroup;
  bool bias = false;
  bool operator==(const WaveFrontEnd&) const = default;
};

// Log-mel front end (MelHuBERT style): natural-log mel energies, Hann window, no padding, `stack`
// frames joined.
struct LogMelFrontEnd {
  int32_t bins = 80;
  int32_t window = 400;  // samples
  int32_t hop = 160;     // samples
  int32_t stack = 2;
  bool operator==(const LogMelFrontEnd&) const = default;
};

struct PositionalConv {
  int32_t kernel = 128;
  int32_t groups = 16;
  bool weight_norm = true;   // over (out, in) for each tap, as fairseq (dim = 2)
  bool interleaved = false;  // channel c is in group c mod groups (prefixes keep whole groups), not
                             // c / (E / groups)
  bool operator==(const PositionalConv&) const = default;
};

struct Blueprint {
  int32_t sample_rate = 16000;  // Hz
  FrontEndKind front_end = FrontEndKind::kWave;
  WaveFrontEnd wave;
  LogMelFrontEnd mel;
  bool normalize_waveform = false;  // zero mean, unit variance per utterance
  NormPosition norm_position = NormPosition::kPost;
  int32_t head_dim = 64;
  PositionalConv positional;
  RateKind rate =
      RateKind::kNone;  // the unit that compresses frames when frame_period_us is above the base

  int32_t base_frame_samples() const;    // 320: product of strides, or hop * stack
  int32_t base_frame_period_us() const;  // 20000
  int64_t frames(int64_t samples)
      const;  // base frames of an utterance, before any rate unit; 0 when too short
  int32_t front_end_dim(
      const std::vector<int32_t>& conv_channels) const;  // width that reaches the projection

  std::string to_json() const;                        // canonical: sorted keys, no spaces
  static Blueprint from_json(std::string_view json);  // InputError
  static Blueprint from_config(
      ConfigSection section);  // problems are collected in the section's file
  bool operator==(const Blueprint&) const = default;
};

// Frames after the rate unit: round(base_frames * base period / period), at least 1 when
// base_frames > 0.
int64_t compressed_frames(const Blueprint& blueprint, int64_t base_frames, int32_t frame_period_us);

}  // namespace concertina
