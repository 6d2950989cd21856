// Spaces and blueprints the tests share.
#pragma once

#include <filesystem>
#include <string>

#include "supernet/space/search_space_config.h"

namespace concertina {

inline SearchSpace load_space(const std::string& name) {
  return load_search_space(std::filesystem::path(CONCERTINA_SOURCE_DIR) / "configs/spaces" / name);
}

inline Architecture wave_net(int32_t embed, int32_t heads, int32_t ffn, int32_t depth,
                             int32_t channels = 512) {
  std::vector<LayerShape> layers;
  for (int32_t i = 0; i < depth; ++i) layers.push_back({i, heads, ffn, 0});
  return Architecture(std::vector<int32_t>(7, channels), embed, 20000, layers);
}

// Pocket with every gene there is: windows, layers without heads, ratios that round to one width.
inline SearchSpace rich_space() {
  SpaceChoices choices;
  choices.embed_dim = {64, 96};
  choices.frame_period_us = {20000, 40000, 60000};
  choices.heads = {0, 1, 2};
  choices.ffn_ratio = {1.5, 1.501, 2};
  choices.window = {0, 16};
  choices.storage_depth = 3;
  choices.depth = {1, 3};
  choices.policy = DepthPolicy::kExplicit;
  choices.explicit_sets = {{2}, {0, 1, 2}};
  return SearchSpace(load_space("pocket.yaml").blueprint(), choices);
}

// The same with linear attention as a choice.
inline SearchSpace linear_space() {
  SpaceChoices choices = rich_space().choices();
  choices.attention = {AttentionKind::kSoftmax, AttentionKind::kLinear};
  return SearchSpace(rich_space().blueprint(), choices);
}

// A waveform supernet with elastic channels, and pre-norm, biases and no weight norm for a change.
inline SearchSpace wave_space() {
  Blueprint blueprint;
  blueprint.wave.bias = true;
  blueprint.norm_position = NormPosition::kPre;
  blueprint.positional = {31, 16, true, true};
  blueprint.rate = RateKind::kCif;
  SpaceChoices choices;
  for (int32_t width : {32, 64}) choices.conv_channels.emplace_back(7, width);
  choices.embed_dim = {64, 128};
  choices.frame_period_us = {20000, 40000};
  choices.heads = {1, 2};
  choices.ffn_ratio = {2, 4};
  choices.storage_depth = 6;
  choices.depth = {3, 4, 6};
  choices.policy = DepthPolicy::kAlternate;
  return SearchSpace(blueprint, choices);
}

// What a WavLM space is: a gated position bias, and heads that fit into every width.
inline SearchSpace wavlm_space() {
  Blueprint blueprint;
  blueprint.relative_position = {.buckets = 320, .max_distance = 800};
  SpaceChoices choices;
  choices.conv_channels = {std::vector<int32_t>(7, 64)};
  choices.embed_dim = {128, 256};
  choices.frame_period_us = {20000};
  choices.heads = {0, 1, 2};
  choices.ffn_ratio = {2, 4};
  choices.window = {0, 16};
  choices.storage_depth = 4;
  choices.depth = {2, 4};
  choices.policy = DepthPolicy::kBottom;
  return SearchSpace(blueprint, choices);
}

// ARMHuBERT's kind: layers 1 and 3 reuse attention maps.
inline SearchSpace reuse_space() {
  Blueprint blueprint;
  blueprint.attention_reuse = {1, 3};
  SpaceChoices choices = wavlm_space().choices();
  choices.heads = {2};
  choices.window = {0};
  choices.policy = DepthPolicy::kTop;
  return SearchSpace(blueprint, choices);
}

// FitHuBERT's kind: pairs of frames may be joined.
inline SearchSpace joined_space(RateKind rate) {
  Blueprint blueprint;
  blueprint.rate = rate;
  SpaceChoices choices = wavlm_space().choices();
  choices.frame_period_us = {20000, 40000};
  return SearchSpace(blueprint, choices);
}

// Whisper's kind, with joined frames.
inline SearchSpace whisper_space() {
  Blueprint blueprint;
  blueprint.front_end = FrontEndKind::kWhisper;
  blueprint.key_bias = false;
  blueprint.norm_position = NormPosition::kPre;
  blueprint.positional = {.kernel = 0, .groups = 1, .weight_norm = false};
  blueprint.position_embeddings = 1500;
  blueprint.rate = RateKind::kConv;
  SpaceChoices choices = wavlm_space().choices();
  choices.conv_channels.clear();
  choices.embed_dim = {100, 256};
  choices.frame_period_us = {20000, 40000};
  return SearchSpace(blueprint, choices);
}

}  // namespace concertina
