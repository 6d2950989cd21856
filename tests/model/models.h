// Small models for tests.
#pragma once

#include "supernet/model/forward.h"
#include "supernet/model/supernet.h"

namespace concertina::testing {

inline Blueprint mel_blueprint() {
  Blueprint blueprint;
  blueprint.front_end = FrontEndKind::kLogMel;
  blueprint.positional = {.kernel = 31, .groups = 16, .weight_norm = false, .interleaved = true};
  blueprint.rate = RateKind::kCif;
  return blueprint;
}

inline Blueprint wave_blueprint(ExtractorNorm norm, NormPosition position) {
  Blueprint blueprint;
  blueprint.wave.norm = norm;
  blueprint.norm_position = position;
  blueprint.normalize_waveform = norm == ExtractorNorm::kLayer;
  blueprint.positional = {.kernel = 16, .groups = 16, .weight_norm = true};
  return blueprint;
}

// WavLM: a gated position bias whose table is small enough for a second of audio to reach its end.
inline Blueprint wavlm_blueprint(NormPosition position) {
  Blueprint blueprint = wave_blueprint(ExtractorNorm::kLayer, position);
  blueprint.head_dim = 32;
  blueprint.relative_position = {.buckets = 32, .max_distance = 40};
  return blueprint;
}

// ARMHuBERT: every other layer takes the attention map of the one before.
inline Blueprint reuse_blueprint() {
  Blueprint blueprint = wave_blueprint(ExtractorNorm::kGroup, NormPosition::kPost);
  blueprint.attention_reuse = {1, 3};
  return blueprint;
}

// FitHuBERT: whole frames are joined after the positional conv.
inline Blueprint joined_blueprint(RateKind rate) {
  Blueprint blueprint = wave_blueprint(ExtractorNorm::kGroup, NormPosition::kPost);
  blueprint.rate = rate;
  return blueprint;
}

// Whisper's kind; 60 positions.
inline Blueprint whisper_blueprint(RateKind rate = RateKind::kNone) {
  Blueprint blueprint;
  blueprint.front_end = FrontEndKind::kWhisper;
  blueprint.key_bias = false;
  blueprint.norm_position = NormPosition::kPre;
  blueprint.head_dim = 32;
  blueprint.positional = {.kernel = 0, .groups = 1, .weight_norm = false};
  blueprint.position_embeddings = 60;
  blueprint.rate = rate;
  return blueprint;
}

inline Blueprint with_cif(Blueprint blueprint) {
  blueprint.rate = RateKind::kCif;
  return blueprint;
}

inline SearchSpace small_space(const Blueprint& blueprint,
                               SlicingRule rule = SlicingRule::kPrefix) {
  SpaceChoices choices;
  if (blueprint.front_end == FrontEndKind::kWave) {
    choices.conv_channels = {std::vector<int32_t>(7, 24), std::vector<int32_t>(7, 32)};
  }
  choices.embed_dim = {64, 96, 128};
  choices.frame_period_us = blueprint.rate == RateKind::kNone ? std::vector<int32_t>{20000}
                                                              : std::vector<int32_t>{20000, 40000};
  choices.heads = {1, 2};
  if (!blueprint.attention_reuse.empty()) choices.heads = {2};  // they share their maps
  if (blueprint.relative_position.buckets > 0) choices.window = {8, 0};
  choices.ffn_ratio = {1, 2, 4};
  choices.storage_depth = 4;
  choices.depth = {2, 3, 4};
  choices.policy = DepthPolicy::kSymmetric;
  return SearchSpace(blueprint, choices, {}, rule);
}

// With linear attention as a choice of every layer.
inline SearchSpace with_linear_attention(const SearchSpace& space) {
  SpaceChoices choices = space.choices();
  choices.attention = {AttentionKind::kLinear, AttentionKind::kSoftmax};
  return SearchSpace(space.blueprint(), choices, space.default_values(), space.rule());
}

// A random supernet whose biases, norms and weight_g are perturbed too.
inline Supernet perturbed(const SearchSpace& space, uint64_t seed) {
  Supernet supernet = Supernet::random(space, Rng(seed));
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  for (auto& [name, tensor] : supernet.weights()) {
    if (tensor.dim() == 1 || name.ends_with("weight_g"))
      tensor = tensor + at::empty(tensor.sizes()).normal_(0, 0.1, generator);
  }
  return supernet;
}

inline at::Tensor noise(int64_t batch, int64_t samples, uint64_t seed) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return at::empty({batch, samples}).normal_(0, 0.1, generator);
}

inline double max_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

}  // namespace concertina::testing
