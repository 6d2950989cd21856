#include "supernet/space/unit_axes.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <span>

#include "core/errors.h"
#include "supernet/space/slicing.h"

namespace concertina {
namespace {

// The units that an axis of a layer runs over. The front end of a log-mel model has none.
std::optional<UnitGroup> units_of(const Blueprint& blueprint, AxisSize size, int32_t index) {
  const bool wave = blueprint.front_end == FrontEndKind::kWave;
  switch (size) {
    case AxisSize::kConvChannels:
      return UnitGroup{UnitKind::kConv, index};
    case AxisSize::kConvInputs:
      if (index > 0) return UnitGroup{UnitKind::kConv, index - 1};
      break;
    case AxisSize::kFeatures:
      if (wave)
        return UnitGroup{UnitKind::kConv, static_cast<int32_t>(blueprint.wave.layers.size()) - 1};
      break;
    case AxisSize::kRateChannels:
      if (wave) return UnitGroup{UnitKind::kRate};
      break;
    case AxisSize::kStemChannels:
      return UnitGroup{UnitKind::kStem};
    case AxisSize::kEmbed:
    case AxisSize::kEmbedOfConvGroup:
      return UnitGroup{UnitKind::kEmbed};
    case AxisSize::kHeadChannels:
      return UnitGroup{UnitKind::kHeads, index};
    case AxisSize::kFfn:
      return UnitGroup{UnitKind::kFfn, index};
    default:
      break;
  }
  return std::nullopt;
}

std::vector<UnitAxis> axes_of(const Blueprint& blueprint, const TensorId& tensor) {
  std::vector<UnitAxis> axes;
  const std::span<const AxisSize> sizes = tensor.axes();
  for (size_t d = 0; d < sizes.size(); ++d) {
    const auto group = units_of(blueprint, sizes[d], tensor.index);
    if (!group || is_tied(blueprint, group->kind)) continue;
    axes.push_back({static_cast<int64_t>(d), *group, d == 1 && tensor.is_matrix(),
                    sizes[d] == AxisSize::kEmbedOfConvGroup});
  }
  return axes;
}

}  // namespace

std::string name_of(const UnitGroup& group) {
  switch (group.kind) {
    case UnitKind::kConv:
      return fmt::format("conv{}", group.index);
    case UnitKind::kStem:
      return "stem";
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
  if (const auto id = tensor_named(tensor)) return axes_of(blueprint, *id);
  throw InputError(
      fmt::format("tensor {} is not in the table of tensors: this model cannot be sorted", tensor));
}

std::vector<UnitCount> unit_groups(const Blueprint& blueprint, const Storage& storage) {
  std::vector<UnitCount> groups;
  for (const TensorEntry& entry : tensor_table(blueprint, storage.shape)) {
    for (const UnitAxis& axis : axes_of(blueprint, entry.id)) {
      if (axis.dim != 0 || std::ranges::count(groups, axis.group, &UnitCount::group) > 0) continue;
      const int64_t width = axis.group.kind == UnitKind::kHeads ? blueprint.head_dim : 1;
      groups.push_back({axis.group, entry.sizes()[0] / width});
    }
  }
  return groups;
}

std::vector<int64_t> positions_by_use(const SearchSpace& space, const UnitCount& group) {
  std::vector<int64_t> positions(static_cast<size_t>(group.units));
  std::iota(positions.begin(), positions.end(), 0);
  const Storage storage = space.storage();
  if (storage.rule == SlicingRule::kPrefix || group.group.kind != UnitKind::kFfn) return positions;
  std::vector<int64_t> uses(positions.size(), 0);
  for (const int32_t embed : space.choices().embed_dim) {
    for (const double ratio : space.choices().ffn_ratio) {
      for (const int64_t row :
           interleaved_ffn_rows(storage.shape.embed_dim(), embed, ffn_dim_of(ratio, embed))) {
        if (row < group.units) ++uses[static_cast<size_t>(row)];
      }
    }
  }
  std::ranges::stable_sort(positions, std::ranges::greater(),
                           [&](int64_t position) { return uses[static_cast<size_t>(position)]; });
  return positions;
}

ConvPosition conv_position(const PositionalConv& conv, int64_t embed_dim, int64_t channel) {
  if (conv.interleaved) return {channel % conv.groups, channel / conv.groups};
  const int64_t width = embed_dim / conv.groups;
  return {channel / width, channel % width};
}

int64_t channel_at(const PositionalConv& conv, int64_t embed_dim, const ConvPosition& at) {
  return conv.interleaved ? at.position * conv.groups + at.group
                          : at.group * (embed_dim / conv.groups) + at.position;
}

}  // namespace concertina
