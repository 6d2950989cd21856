// What every subnet of one model shares. Torch-free; stored in every model file and study as JSON.
#pragma once

#include <cstdint>
#include <vector>

namespace concertina {

enum class FrontEndKind { kWave, kLogMel, kWhisper };
enum class ExtractorNorm { kGroup, kLayer };  // fairseq extractor_mode "default" | "layer_norm"
enum class NormPosition { kPost, kPre };      // pre = HF "do_stable_layer_norm"
// How a frame period above the base is reached. CIF (continuous integrate-and-fire) works on the
// front end's features; the others join whole frames after the positional conv (FitHuBERT's time
// reduction): a conv whose kernel and stride are the number of joined frames, a linear layer over
// them, or their mean.
enum class RateKind { kNone, kCif, kConv, kLinear, kAverage };

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
  bool feature_norm = true;    // LayerNorm of the features; DistilHuBERT has none
  bool feature_scale = false;  // scale per channel before that norm (DPHuBERT's dummy_weight)
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

// Whisper's front end (Radford et al. 2022): log-mel energies every 10 ms, and two convolutions of
// the embedding's width, which take the place of the projection and halve the frame rate.
// supernet/nn/whisper.h has the formulas.
struct WhisperFrontEnd {
  int32_t bins = 80;  // 128 in large-v3
  bool operator==(const WhisperFrontEnd&) const = default;
};
inline constexpr int32_t kWhisperWindow = 400, kWhisperHop = 160;  // samples
inline constexpr int32_t kWhisperStride = 2;                       // of the second convolution

struct PositionalConv {
  int32_t kernel = 128;  // 0: none; the other options are then 1, false, false
  int32_t groups = 16;
  bool weight_norm = true;  // over (out, in) for each tap, as fairseq (dim = 2)
  // Channel c is in group c mod groups, so that a prefix of the channels keeps whole groups; else
  // in group c / (E / groups).
  bool interleaved = false;
  bool operator==(const PositionalConv&) const = default;
};

// WavLM's gated relative position bias on attention scores: a table of distance buckets, one column
// per head, shared by all layers. Half the buckets are for keys after the frame; half of those for
// one distance each, the rest evenly spaced in log distance up to max_distance. The gate of a layer
// is computed from its input, for each frame and head.
struct RelativePosition {
  int32_t buckets = 0;  // 0: none
  int32_t max_distance = 800;
  bool gated = true;
  bool operator==(const RelativePosition&) const = default;
};

struct Blueprint {
  int32_t sample_rate = 16000;  // Hz
  FrontEndKind front_end = FrontEndKind::kWave;
  WaveFrontEnd wave;
  LogMelFrontEnd mel;
  WhisperFrontEnd whisper;
  bool normalize_waveform = false;  // zero mean, unit variance per utterance
  double normalize_eps = 1e-5;      // on the variance: 1e-5 in fairseq, 1e-7 in transformers
  bool projection = true;  // features -> embedding; false where the widths are equal (fairseq)
  bool key_bias = true;    // of the projection of keys; Whisper has none
  NormPosition norm_position = NormPosition::kPost;
  int32_t head_dim = 64;
  PositionalConv positional;
  // Rows of a table of position vectors that is added to the layers' input and not trained: the
  // most base frames of a clip. 0: none.
  int32_t position_embeddings = 0;
  RelativePosition relative_position;
  // Layers without queries and keys of their own, ascending: they reuse the attention
  // map of the last kept layer before them that computes one (ARMHuBERT).
  std::vector<int32_t> attention_reuse;
  // The rate unit, which compresses frames where frame_period_us is above the base.
  RateKind rate = RateKind::kNone;

  int32_t base_frame_samples() const;    // 320: product of strides, or hop * stack
  int32_t base_frame_period_us() const;  // 20000
  // Base frames of an utterance, before any rate unit; 0 when it is too short.
  int64_t frames(int64_t samples) const;
  // Width of the features that reach the projection, or Whisper's convolutions.
  int32_t front_end_dim(const std::vector<int32_t>& conv_channels) const;
  bool reuses_attention(int32_t layer) const;
  bool joins_frames() const;    // rate conv, linear or average
  bool has_projection() const;  // a linear layer; Whisper's convolutions need none

  bool operator==(const Blueprint&) const = default;
};

}  // namespace concertina
