#include <fmt/format.h>

#include <algorithm>

#include "supernet/space/slicing.h"

namespace concertina {
namespace {

bool out_of_blocks(const Storage& storage, int32_t embed, const LayerShape& stored,
                   const LayerShape& layer) {
  if (storage.rule != SlicingRule::kLightHubert || layer.ffn_dim == 0) return false;
  const int64_t whole_blocks = (layer.ffn_dim - 1) / embed;
  return whole_blocks * storage.largest.embed_dim() + layer.ffn_dim - whole_blocks * embed >
         stored.ffn_dim;
}

std::optional<Misfit> layer_misfit(const Storage& storage, int32_t embed, const LayerShape& layer) {
  const auto& stored_layers = storage.largest.layers();
  const auto stored = std::ranges::find(stored_layers, layer.index, &LayerShape::index);
  if (stored == stored_layers.end()) {
    return Misfit{fmt::format("layer {}", layer.index), "depth", "the weights have no such layer"};
  }
  const std::string at = fmt::format(" in layer {}", layer.index);
  if (layer.heads > stored->heads) {
    return Misfit{fmt::format("{} heads", layer.heads) + at, "heads",
                  fmt::format("the weights have {}", stored->heads)};
  }
  if (layer.ffn_dim > stored->ffn_dim || out_of_blocks(storage, embed, *stored, layer)) {
    return Misfit{fmt::format("FFN width {}", layer.ffn_dim) + at, "ffn_ratio",
                  fmt::format("the weights have {} for an embedding width of {}", stored->ffn_dim,
                              storage.largest.embed_dim())};
  }
  if (layer.heads > 0 && stored->window > 0 &&
      (layer.window == 0 || layer.window > stored->window)) {
    return Misfit{fmt::format("window {}", layer.window) + at, "window",
                  fmt::format("the weights were trained with {}", stored->window)};
  }
  return std::nullopt;
}

// What ties a layer to the embedding or to the layers before it. `source`: the last layer that made
// an attention map.
std::optional<Misfit> attention_misfit(const Blueprint& blueprint, int32_t embed,
                                       const LayerShape& layer, const LayerShape* source) {
  const std::string at = fmt::format(" in layer {}", layer.index);
  if (!blueprint.reuses_attention(layer.index)) {
    const bool gated = blueprint.relative_position.buckets > 0 && blueprint.relative_position.gated;
    if (!gated || layer.heads * blueprint.head_dim <= embed) return std::nullopt;
    return Misfit{fmt::format("{} heads", layer.heads) + at, "heads",
                  fmt::format("the gate of a position bias reads {} channels a head, and e={}",
                              blueprint.head_dim, embed)};
  }
  if (source == nullptr) {
    return Misfit{fmt::format("layer {}", layer.index), "depth",
                  "it reuses an attention map, and no kept layer before it makes one"};
  }
  if (layer.heads > source->heads) {
    return Misfit{fmt::format("{} heads", layer.heads) + at, "heads",
                  fmt::format("the attention map it reuses, of layer {}, has {}", source->index,
                              source->heads)};
  }
  if (layer.window != source->window) {
    return Misfit{fmt::format("window {}", layer.window) + at, "window",
                  fmt::format("the attention map it reuses, of layer {}, has {}", source->index,
                              source->window)};
  }
  return std::nullopt;
}

std::optional<Misfit> period_misfit(const Blueprint& blueprint, const Storage& storage,
                                    int32_t period) {
  const int32_t base = blueprint.base_frame_period_us();
  const int32_t stored = storage.largest.frame_period_us();
  const auto miss = [&](const std::string& why) {
    return Misfit{fmt::format("p={}", period), "frame_period_ms", why};
  };
  if (period == base) return std::nullopt;
  if (period > base && blueprint.joins_frames()) {
    if (period % base != 0) return miss(fmt::format("it must be a multiple of {}", base));
    if (blueprint.rate == RateKind::kAverage || period == stored) return std::nullopt;
    return miss(stored > base ? fmt::format("the weights have p={} and p={}", base, stored)
                              : fmt::format("the weights have p={}", base));
  }
  const bool longer = has_rate_unit(blueprint, storage.largest);
  if (period > base && longer) return std::nullopt;
  return miss(fmt::format("the weights have p={}{}", base, longer ? " and longer" : ""));
}

}  // namespace

std::optional<Misfit> misfit(const Blueprint& blueprint, const Storage& storage,
                             const Architecture& architecture) {
  const auto& stored_channels = storage.largest.conv_channels();
  const auto& channels = architecture.conv_channels();
  if (channels.size() != stored_channels.size()) {
    return Misfit{fmt::format("c= with {} conv layers", channels.size()), "conv_channels",
                  fmt::format("the weights have {}", stored_channels.size())};
  }
  for (size_t i = 0; i < channels.size(); ++i) {
    if (channels[i] <= stored_channels[i]) continue;
    return Misfit{fmt::format("c={}", channels[i]), "conv_channels",
                  fmt::format("the weights have {}", stored_channels[i])};
  }
  const int32_t embed = architecture.embed_dim();
  const std::string embed_text = fmt::format("e={}", embed);
  if (embed > storage.largest.embed_dim()) {
    return Misfit{embed_text, "embed_dim",
                  fmt::format("the weights have {}", storage.largest.embed_dim())};
  }
  if (embed % blueprint.positional.groups != 0) {
    return Misfit{embed_text, "embed_dim",
                  fmt::format("it must be a multiple of {}", blueprint.positional.groups)};
  }
  if (const int32_t features = blueprint.front_end_dim(channels);
      !blueprint.projection && embed != features) {
    return Misfit{embed_text, "embed_dim",
                  fmt::format("without a projection it is the front end's width, {}", features)};
  }
  if (auto found = period_misfit(blueprint, storage, architecture.frame_period_us())) return found;
  const LayerShape* source = nullptr;
  for (const LayerShape& layer : architecture.layers()) {
    if (auto found = layer_misfit(storage, embed, layer)) return found;
    if (layer.heads == 0) continue;
    if (auto found = attention_misfit(blueprint, embed, layer, source)) return found;
    if (!blueprint.reuses_attention(layer.index)) source = &layer;
  }
  return std::nullopt;
}

}  // namespace concertina
