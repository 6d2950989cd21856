#include "supernet/space/unit_axes.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <optional>
#include <string_view>

#include "core/errors.h"
#include "supernet/space/slicing.h"

namespace concertina {
namespace {

using Axes = std::vector<UnitAxis>;

// Takes "PREFIX<number>." off the front of `name`.
bool take_indexed(std::string_view& name, std::string_view prefix, int32_t& index) {
  if (!name.starts_with(prefix)) return false;
  const char* const end = name.data() + name.size();
  const auto [at, error] = std::from_chars(name.data() + prefix.size(), end, index);
  if (error != std::errc() || at == end || *at != '.') return false;
  name.remove_prefix(static_cast<size_t>(at + 1 - name.data()));
  return true;
}

bool is_affine(std::string_view name, std::string_view of) {
  return name.starts_with(of) &&
         (name.substr(of.size()) == ".weight" || name.substr(of.size()) == ".bias");
}

// A linear layer or convolution [out, in, ...] with its bias [out].
Axes matrix(std::string_view name, const Axes& out, const Axes& in) {
  Axes axes = out;
  if (name.ends_with(".weight")) {
    for (const UnitAxis& axis : in) axes.push_back({1, axis.group, true});
  }
  return axes;
}

Axes of(UnitKind kind, int32_t index = 0) { return {{0, {kind, index}}}; }

Axes last_conv(const Blueprint& blueprint) {
  if (blueprint.front_end == FrontEndKind::kLogMel) return {};
  return of(UnitKind::kConv, static_cast<int32_t>(blueprint.wave.layers.size()) - 1);
}

// Nothing shortens the rate unit of a log-mel model.
Axes rate_channels(const Blueprint& blueprint) {
  return blueprint.front_end == FrontEndKind::kLogMel ? Axes() : of(UnitKind::kRate);
}

std::optional<Axes> encoder_layer(std::string_view name, int32_t layer) {
  const Axes embed = of(UnitKind::kEmbed), heads = of(UnitKind::kHeads, layer),
             ffn = of(UnitKind::kFfn, layer);
  for (const char* part : {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}) {
    if (is_affine(name, part)) return matrix(name, heads, embed);
  }
  if (is_affine(name, "self_attn.out_proj")) return matrix(name, embed, heads);
  if (is_affine(name, "fc1")) return matrix(name, ffn, embed);
  if (is_affine(name, "fc2")) return matrix(name, embed, ffn);
  if (is_affine(name, "self_attn_layer_norm") || is_affine(name, "final_layer_norm")) return embed;
  return std::nullopt;
}

std::optional<Axes> conv_layer(std::string_view name, int32_t layer) {
  const Axes out = of(UnitKind::kConv, layer);
  if (is_affine(name, "0")) {
    return matrix(name, out, layer == 0 ? Axes() : of(UnitKind::kConv, layer - 1));
  }
  if (is_affine(name, "2") || is_affine(name, "2.1")) return out;
  return std::nullopt;
}

std::optional<Axes> positional_conv(std::string_view name) {
  const UnitGroup embed{UnitKind::kEmbed};
  if (name == "weight_g") return Axes();
  if (name == "bias") return Axes{{0, embed}};
  if (name == "weight" || name == "weight_v") return Axes{{0, embed}, {1, embed, true, true}};
  return std::nullopt;
}

std::optional<Axes> around_the_layers(const Blueprint& blueprint, std::string_view name) {
  const Axes embed = of(UnitKind::kEmbed), features = last_conv(blueprint),
             rate = rate_channels(blueprint);
  if (name.starts_with("feature_extractor.mel.")) return Axes();
  if (is_affine(name, "layer_norm")) return features;
  if (is_affine(name, "rate.conv")) return matrix(name, rate, features);
  if (is_affine(name, "rate.layer_norm")) return rate;
  if (is_affine(name, "rate.proj")) return matrix(name, {}, rate);
  if (is_affine(name, "post_extract_proj")) return matrix(name, embed, features);
  if (name == "mask_emb" || is_affine(name, "encoder.layer_norm")) return embed;
  return std::nullopt;
}

// WavLM's position bias: one column a head for all layers, and a gate that is the same for all
// heads.
bool is_position_bias(std::string_view name) {
  return name == "self_attn.relative_attention_bias.weight" || name == "self_attn.grep_a" ||
         is_affine(name, "self_attn.grep_linear");
}

std::optional<Axes> known_axes(const Blueprint& blueprint, std::string_view name) {
  int32_t index = 0;
  if (take_indexed(name, "feature_extractor.conv_layers.", index)) return conv_layer(name, index);
  if (take_indexed(name, "encoder.layers.", index)) {
    return is_position_bias(name) ? Axes() : encoder_layer(name, index);
  }
  if (take_indexed(name, "encoder.pos_conv.", index) && index == 0) return positional_conv(name);
  return around_the_layers(blueprint, name);
}

}  // namespace

std::string name_of(const UnitGroup& group) {
  switch (group.kind) {
    case UnitKind::kConv:
      return fmt::format("conv{}", group.index);
    case UnitKind::kRate:
      return "rate";
    case UnitKind::kEmbed:
      return "embed";
    case UnitKind::kHeads:
      return fmt::format("layer{}.heads", group.index);
    case UnitKind::kFfn:
      break;
  }
  return fmt::format("layer{}.ffn", group.index);
}

bool is_tied(const Blueprint& blueprint, UnitKind kind) {
  const bool biased = blueprint.relative_position.buckets > 0;
  if (kind == UnitKind::kHeads) return biased || !blueprint.attention_reuse.empty();
  return kind == UnitKind::kEmbed && biased && blueprint.relative_position.gated;
}

std::vector<UnitAxis> unit_axes(const Blueprint& blueprint, const std::string& tensor) {
  if (!blueprint.projection || blueprint.joins_frames()) {
    throw InputError(
        "a model whose features are its embedding, or whose frames are joined by a convolution or "
        "linear layer, cannot be sorted: its channels are tied");
  }
  if (std::optional<Axes> axes = known_axes(blueprint, tensor)) {
    std::erase_if(*axes, [&](const UnitAxis& axis) { return is_tied(blueprint, axis.group.kind); });
    return *axes;
  }
  throw InputError(fmt::format(
      "tensor {} ties units in a way the sort does not know: this model cannot be sorted", tensor));
}

std::vector<UnitCount> unit_groups(const Blueprint& blueprint, const Storage& storage) {
  const Architecture& whole = storage.shape;
  std::vector<UnitCount> groups;
  for (size_t i = 0; i < whole.conv_channels().size(); ++i) {
    groups.push_back({{UnitKind::kConv, static_cast<int32_t>(i)}, whole.conv_channels()[i]});
  }
  if (!whole.conv_channels().empty() && has_rate_unit(blueprint, whole)) {
    groups.push_back({{UnitKind::kRate}, whole.conv_channels().back()});
  }
  groups.push_back({{UnitKind::kEmbed}, whole.embed_dim()});
  for (const LayerShape& layer : whole.layers()) {
    if (layer.heads > 0) groups.push_back({{UnitKind::kHeads, layer.index}, layer.heads});
    if (layer.ffn_dim > 0) groups.push_back({{UnitKind::kFfn, layer.index}, layer.ffn_dim});
  }
  std::erase_if(groups, [&](const UnitCount& g) { return is_tied(blueprint, g.group.kind); });
  return groups;
}

std::vector<int64_t> places_by_use(const SearchSpace& space, const UnitCount& group) {
  std::vector<int64_t> places(static_cast<size_t>(group.units));
  std::iota(places.begin(), places.end(), 0);
  const Storage storage = space.storage();
  if (storage.rule == SlicingRule::kPrefix || group.group.kind != UnitKind::kFfn) return places;
  std::vector<int64_t> uses(places.size(), 0);
  for (const int32_t embed : space.choices().embed_dim) {
    for (const double ratio : space.choices().ffn_ratio) {
      for (const int64_t row :
           interleaved_ffn_rows(storage.shape.embed_dim(), embed, ffn_dim_of(ratio, embed))) {
        if (row < group.units) ++uses[static_cast<size_t>(row)];
      }
    }
  }
  std::ranges::stable_sort(places, std::ranges::greater(),
                           [&](int64_t place) { return uses[static_cast<size_t>(place)]; });
  return places;
}

ConvPlace conv_place(const PositionalConv& conv, int64_t embed_dim, int64_t channel) {
  if (conv.interleaved) return {channel % conv.groups, channel / conv.groups};
  const int64_t width = embed_dim / conv.groups;
  return {channel / width, channel % width};
}

int64_t channel_at(const PositionalConv& conv, int64_t embed_dim, const ConvPlace& at) {
  return conv.interleaved ? at.place * conv.groups + at.group
                          : at.group * (embed_dim / conv.groups) + at.place;
}

}  // namespace concertina
