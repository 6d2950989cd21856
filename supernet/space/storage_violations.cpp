#include <fmt/format.h>

#include <algorithm>

#include "core/errors.h"
#include "supernet/space/tensor_table.h"
#include "supernet/space/violations.h"

namespace concertina {
namespace {

bool out_of_blocks(const Storage& storage, int32_t embed, const LayerShape& stored,
                   const LayerShape& layer) {
  if (storage.rule != SlicingRule::kLightHubert || layer.ffn_dim == 0) return false;
  const int64_t whole_blocks = (layer.ffn_dim - 1) / embed;
  return whole_blocks * storage.shape.embed_dim() + layer.ffn_dim - whole_blocks * embed >
         stored.ffn_dim;
}

std::optional<Violation> layer_violation(const Storage& storage, int32_t embed,
                                         const LayerShape& layer) {
  const auto& stored_layers = storage.shape.layers();
  const auto stored = std::ranges::find(stored_layers, layer.index, &LayerShape::index);
  if (stored == stored_layers.end()) {
    return Violation{"depth", fmt::format("layer {}", layer.index),
                     "the weights have no such layer"};
  }
  const std::string at = fmt::format(" in layer {}", layer.index);
  if (layer.heads > stored->heads) {
    return Violation{"heads", fmt::format("{} heads", layer.heads) + at,
                     fmt::format("the weights have {}", stored->heads)};
  }
  if (layer.ffn_dim > stored->ffn_dim || out_of_blocks(storage, embed, *stored, layer)) {
    return Violation{"ffn_ratio", fmt::format("FFN width {}", layer.ffn_dim) + at,
                     fmt::format("the weights have {} for an embedding width of {}",
                                 stored->ffn_dim, storage.shape.embed_dim())};
  }
  if (stored->is_linear() && layer.heads > 0 && !layer.is_linear()) {
    return Violation{"attention", "softmax attention" + at,
                     "the weights were trained with linear attention"};
  }
  if (layer.heads > 0 && !layer.is_linear() && stored->window > 0 &&
      (layer.window == 0 || layer.window > stored->window)) {
    return Violation{"window", fmt::format("window {}", layer.window) + at,
                     fmt::format("the weights were trained with {}", stored->window)};
  }
  return std::nullopt;
}

// What depends on the embedding or on earlier layers. `source`: the last layer that computed an
// attention map.
std::optional<Violation> attention_violation(const Blueprint& blueprint, int32_t embed,
                                             const LayerShape& layer, const LayerShape* source) {
  const std::string at = fmt::format(" in layer {}", layer.index);
  if (!blueprint.reuses_attention(layer.index)) {
    const bool gated = blueprint.relative_position.buckets > 0 && blueprint.relative_position.gated;
    if (!gated || layer.heads * blueprint.head_dim <= embed) return std::nullopt;
    return Violation{"heads", fmt::format("{} heads", layer.heads) + at,
                     fmt::format("the gate of a position bias reads {} channels a head, and e={}",
                                 blueprint.head_dim, embed)};
  }
  if (source == nullptr) {
    return Violation{"depth", fmt::format("layer {}", layer.index),
                     "it reuses an attention map, and no kept layer before it computes one"};
  }
  if (layer.heads > source->heads) {
    return Violation{"heads", fmt::format("{} heads", layer.heads) + at,
                     fmt::format("the attention map it reuses, of layer {}, has {}", source->index,
                                 source->heads)};
  }
  if (layer.window != source->window) {
    return Violation{"window", fmt::format("window {}", layer.window) + at,
                     fmt::format("the attention map it reuses, of layer {}, has {}", source->index,
                                 source->window)};
  }
  return std::nullopt;
}

std::optional<Violation> period_violation(const Blueprint& blueprint, const Storage& storage,
                                          int32_t period) {
  const int32_t base = blueprint.base_frame_period_us();
  const int32_t stored = storage.shape.frame_period_us();
  const auto miss = [&](const std::string& why) {
    return Violation{"frame_period_ms", fmt::format("p={}", period), why};
  };
  if (period == base) return std::nullopt;
  if (period > base && blueprint.joins_frames()) {
    if (period % base != 0) return miss(fmt::format("it must be a multiple of {}", base));
    if (blueprint.rate == RateKind::kAverage || period == stored) return std::nullopt;
    return miss(stored > base ? fmt::format("the weights have p={} and p={}", base, stored)
                              : fmt::format("the weights have p={}", base));
  }
  const bool longer = has_rate_unit(blueprint, storage.shape);
  if (period > base && longer) return std::nullopt;
  return miss(fmt::format("the weights have p={}{}", base, longer ? " and longer" : ""));
}

}  // namespace

std::string no_linear_attention(const Blueprint& blueprint) {
  if (blueprint.relative_position.buckets > 0)
    return "linear attention has no scores that a position bias (relative_position) is added to";
  if (!blueprint.attention_reuse.empty())
    return "linear attention has no map that layers share (attention_reuse)";
  return "";
}

std::optional<Violation> find_violation(const Blueprint& blueprint,
                                        const Architecture& architecture) {
  const auto linear = std::ranges::find_if(architecture.layers(), &LayerShape::is_linear);
  if (linear != architecture.layers().end() && !no_linear_attention(blueprint).empty()) {
    return Violation{"attention", fmt::format("layer {}", linear->index),
                     no_linear_attention(blueprint)};
  }
  const size_t given = architecture.conv_channels().size();
  const size_t layers =
      blueprint.front_end == FrontEndKind::kWave ? blueprint.wave.layers.size() : 0;
  if (given == layers) return std::nullopt;
  return Violation{"conv_channels", fmt::format("{} conv channels", given),
                   layers == 0 ? blueprint.front_end == FrontEndKind::kWhisper
                                     ? "expected none, for Whisper's are as wide as the embedding"
                                     : "expected none, for the front end is log-mel"
                               : fmt::format("expected {} (c=)", layers)};
}

std::optional<Violation> find_violation(const Blueprint& blueprint, const Storage& storage,
                                        const Architecture& architecture) {
  if (auto found = find_violation(blueprint, architecture)) return found;
  const auto& stored_channels = storage.shape.conv_channels();
  const auto& channels = architecture.conv_channels();
  if (channels.size() != stored_channels.size()) {
    return Violation{"conv_channels", fmt::format("c= with {} conv layers", channels.size()),
                     fmt::format("the weights have {}", stored_channels.size())};
  }
  for (size_t i = 0; i < channels.size(); ++i) {
    if (channels[i] <= stored_channels[i]) continue;
    return Violation{"conv_channels", fmt::format("c={}", channels[i]),
                     fmt::format("the weights have {}", stored_channels[i])};
  }
  const int32_t embed = architecture.embed_dim();
  const std::string embed_text = fmt::format("e={}", embed);
  if (embed > storage.shape.embed_dim()) {
    return Violation{"embed_dim", embed_text,
                     fmt::format("the weights have {}", storage.shape.embed_dim())};
  }
  if (embed % blueprint.positional.groups != 0) {
    return Violation{"embed_dim", embed_text,
                     fmt::format("it must be a multiple of {}", blueprint.positional.groups)};
  }
  if (const int32_t features = blueprint.front_end_dim(channels);
      !blueprint.projection && embed != features) {
    return Violation{"embed_dim", embed_text,
                     fmt::format("without a projection it is the front end's width, {}", features)};
  }
  if (auto found = period_violation(blueprint, storage, architecture.frame_period_us()))
    return found;
  const LayerShape* source = nullptr;
  for (const LayerShape& layer : architecture.layers()) {
    if (auto found = layer_violation(storage, embed, layer)) return found;
    if (layer.heads == 0) continue;
    if (auto found = attention_violation(blueprint, embed, layer, source)) return found;
    if (!blueprint.reuses_attention(layer.index)) source = &layer;
  }
  return std::nullopt;
}

std::string Violation::text() const {
  return value.empty() ? reason : fmt::format("{}: {}", value, reason);
}

void check_fit(const Blueprint& blueprint, const Architecture& architecture) {
  if (const auto found = find_violation(blueprint, architecture)) {
    throw InputError(fmt::format("architecture '{}': {}", architecture.key(), found->text()));
  }
}

void check_fit(const Blueprint& blueprint, const Storage& storage,
               const Architecture& architecture) {
  if (const auto found = find_violation(blueprint, storage, architecture)) {
    throw InputError(fmt::format("architecture '{}' cannot be sliced from '{}': {}",
                                 architecture.key(), storage.shape.key(), found->text()));
  }
}

}  // namespace concertina
