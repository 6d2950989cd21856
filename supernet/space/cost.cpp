#include "supernet/space/cost.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/errors.h"
#include "supernet/space/slicing.h"

namespace concertina {
namespace {

Cost wave_cost(const WaveFrontEnd& wave, const std::vector<int32_t>& channels, int64_t samples) {
  Cost cost;
  int64_t length = samples, before = 1;
  for (size_t i = 0; i < wave.layers.size(); ++i) {
    const auto [kernel, stride] = wave.layers[i];
    const int64_t width = channels[i];
    const int64_t weights = width * before * kernel;
    length = length < kernel ? 0 : (length - kernel) / stride + 1;
    const bool normed = wave.norm == ExtractorNorm::kLayer || i == 0;
    cost.params += weights + (wave.bias ? width : 0) + (normed ? 2 * width : 0);
    cost.macs += length * weights;
    before = width;
  }
  cost.params += (wave.feature_norm ? 2 * before : 0) + (wave.feature_scale ? before : 0);
  return cost;
}

Cost front_end_cost(const Blueprint& blueprint, const Architecture& architecture, int64_t samples) {
  if (blueprint.front_end == FrontEndKind::kWave) {
    Cost cost = wave_cost(blueprint.wave, architecture.conv_channels(), samples);
    cost.front_end_macs = cost.macs;
    return cost;
  }
  Cost cost;
  cost.params = 2 * int64_t{blueprint.mel.bins};  // mean and standard deviation
  return cost;
}

Cost attention_cost(const Blueprint& blueprint, const LayerShape& layer, int64_t embed,
                    int64_t frames) {
  Cost cost;
  if (layer.heads == 0) return cost;
  const int64_t width = int64_t{blueprint.head_dim} * layer.heads;
  const int64_t keys = layer.window == 0 ? frames : std::min<int64_t>(frames, layer.window + 1);
  const int64_t rest = 3 * embed;  // bias of the output, norm
  if (blueprint.reuses_attention(layer.index)) {
    cost.params = 2 * embed * width + width + rest;
    cost.macs = frames * 2 * embed * width + frames * keys * width;
    return cost;
  }
  cost.params = 4 * embed * width + 3 * width + rest;
  cost.macs = frames * 4 * embed * width + 2 * frames * keys * width;
  if (blueprint.relative_position.buckets > 0 && blueprint.relative_position.gated) {
    cost.params += kGateOutputs * (blueprint.head_dim + 1) + layer.heads;
    cost.macs += frames * width * kGateOutputs;
  }
  return cost;
}

Cost ffn_cost(const LayerShape& layer, int64_t embed, int64_t frames) {
  if (layer.ffn_dim == 0) return {};
  const int64_t ffn = layer.ffn_dim;
  return {.params = 2 * embed * ffn + ffn + 3 * embed, .macs = frames * 2 * embed * ffn};
}

// `base_frames` before the unit, `frames` after it.
Cost rate_cost(const Blueprint& blueprint, const Architecture& architecture, int64_t base_frames,
               int64_t frames) {
  if (!has_rate_unit(blueprint, architecture)) return {};
  if (blueprint.joins_frames()) {
    const int64_t embed = architecture.embed_dim();
    const int64_t weights = embed * embed * joined_frames(blueprint, architecture);
    return {.params = weights + embed, .macs = frames * weights};
  }
  const int64_t features = blueprint.front_end_dim(architecture.conv_channels());
  const int64_t conv = kRateKernel * features * features;
  return {.params = conv + 4 * features + 1, .macs = base_frames * (conv + features)};
}

}  // namespace

Cost cost_of(const Blueprint& blueprint, const Architecture& architecture, int64_t samples,
             int32_t storage_embed_dim) {
  check_front_end(blueprint, architecture);
  Cost cost = front_end_cost(blueprint, architecture, samples);
  const auto add = [&cost](const Cost& part) {
    cost.params += part.params;
    cost.macs += part.macs;
  };
  const int64_t base_frames = blueprint.frames(samples);
  const int64_t frames = compressed_frames(blueprint, base_frames, architecture.frame_period_us());
  const int64_t features = blueprint.front_end_dim(architecture.conv_channels());
  const int64_t embed = architecture.embed_dim();
  const PositionalConv& positional = blueprint.positional;

  // CIF comes before the projection, what joins frames after the positional conv.
  const int64_t input_frames = blueprint.joins_frames() ? base_frames : frames;
  add(rate_cost(blueprint, architecture, base_frames, frames));
  if (blueprint.projection) {
    add({.params = features * embed + embed, .macs = input_frames * features * embed});
  }
  const int64_t positional_weights = embed * (embed / positional.groups) * positional.kernel;
  const int64_t scales = positional.weight_norm ? positional.kernel : 0;
  add({.params = positional_weights + embed + scales, .macs = input_frames * positional_weights});
  add({.params = embed + 2 * embed});  // mask_emb and the encoder's LayerNorm
  add({.params =
           blueprint.relative_position.buckets * most_mapping_heads(blueprint, architecture)});
  for (const LayerShape& layer : architecture.layers()) {
    add(attention_cost(blueprint, layer, embed, frames));
    add(ffn_cost(layer, embed, frames));
  }
  const int64_t storage_embed = storage_embed_dim > 0 ? storage_embed_dim : embed;
  cost.params_lighthubert = cost.params - scales - embed + storage_embed;
  return cost;
}

}  // namespace concertina
