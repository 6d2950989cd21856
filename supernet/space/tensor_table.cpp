#include "supernet/space/tensor_table.h"

#include <algorithm>

#include "supernet/space/tensor_rows.h"

namespace concertina {
namespace {

int64_t extent_of(AxisSize size, const LayerOfModel& at) {
  const Blueprint& blueprint = at.blueprint;
  const std::vector<int32_t>& channels = at.architecture.conv_channels();
  const int64_t embed = at.architecture.embed_dim();
  const auto index = static_cast<size_t>(at.index);
  switch (size) {
    case AxisSize::kConvChannels:
      return channels[index];
    case AxisSize::kConvInputs:
      return index == 0 ? 1 : channels[index - 1];
    case AxisSize::kFeatures:
    case AxisSize::kRateChannels:
      return blueprint.front_end_dim(channels);
    case AxisSize::kStemChannels:
    case AxisSize::kEmbed:
      return embed;
    case AxisSize::kEmbedOfConvGroup:
      return embed / blueprint.positional.groups;
    case AxisSize::kHeadChannels:
      return int64_t{at.layer->heads} * blueprint.head_dim;
    case AxisSize::kFfn:
      return at.layer->ffn_dim;
    case AxisSize::kOne:
      return 1;
    case AxisSize::kMelBins:
      return blueprint.front_end == FrontEndKind::kWhisper ? blueprint.whisper.bins
                                                           : blueprint.mel.bins;
    case AxisSize::kConvKernel:
      return blueprint.wave.layers[index].kernel;
    case AxisSize::kStemKernel:
      return kWhisperKernel;
    case AxisSize::kRateConvKernel:
      return kRateKernel;
    case AxisSize::kJoinedFrames:
      return joined_frames(blueprint, at.architecture);
    case AxisSize::kJoinedChannels:
      return joined_frames(blueprint, at.architecture) * embed;
    case AxisSize::kPositionalKernel:
      return blueprint.positional.kernel;
    case AxisSize::kPositionRows:
      return blueprint.position_embeddings;
    case AxisSize::kBuckets:
      return blueprint.relative_position.buckets;
    case AxisSize::kMappingHeads:
      return most_mapping_heads(blueprint, at.architecture);
    case AxisSize::kHeads:
      return at.layer->heads;
    case AxisSize::kHeadDim:
      return blueprint.head_dim;
    case AxisSize::kGateWidth:
      break;
  }
  return kGateOutputs;
}

std::span<const TensorPart> parts_of(const TensorRow& row, const Blueprint& blueprint) {
  using enum TensorPart;
  static constexpr TensorPart kOnly[] = {kWhole}, kAffine[] = {kWeight, kBias},
                              kNormed[] = {kScale, kDirection, kBias};
  switch (row.form) {
    case RowForm::kStatistic:
    case RowForm::kTensor:
      return kOnly;
    case RowForm::kConv:
      return std::span(kAffine).first(blueprint.wave.bias ? 2 : 1);
    case RowForm::kKey:
      return std::span(kAffine).first(blueprint.key_bias ? 2 : 1);
    case RowForm::kWeightNorm:
      if (blueprint.positional.weight_norm) return kNormed;
      break;
    case RowForm::kNorm:
    case RowForm::kMatrix:
      break;
  }
  return kAffine;
}

void add_entries(const TensorRow& row, const LayerOfModel& at, std::vector<TensorEntry>& entries) {
  if (!row.present(at)) return;
  for (const TensorPart part : parts_of(row, at.blueprint)) {
    TensorEntry entry{.id = {&row, part, at.index}};
    for (const AxisSize size : entry.id.axes()) {
      entry.extents[static_cast<size_t>(entry.dims++)] = extent_of(size, at);
    }
    entries.push_back(entry);
  }
}

}  // namespace

TensorModule TensorId::module() const { return row->module; }

TensorInit TensorId::init() const {
  if (part == TensorPart::kBias) return TensorInit::kZeros;
  return part == TensorPart::kScale ? TensorInit::kDirectionNorm : row->init;
}

bool TensorId::is_matrix() const {
  const bool has_matrix = row->form == RowForm::kMatrix || row->form == RowForm::kConv ||
                          row->form == RowForm::kKey || row->form == RowForm::kWeightNorm;
  return has_matrix && (part == TensorPart::kWeight || part == TensorPart::kDirection);
}

bool TensorId::is_trained() const { return row->form != RowForm::kStatistic; }

std::span<const AxisSize> TensorId::axes() const {
  static constexpr AxisSize kTaps[] = {AxisSize::kOne, AxisSize::kOne, AxisSize::kPositionalKernel};
  if (part == TensorPart::kScale) return kTaps;
  return std::span(row->axes).first(part == TensorPart::kBias ? 1 : row->axes.size());
}

int64_t TensorEntry::numel() const {
  int64_t count = 1;
  for (const int64_t size : sizes()) count *= size;
  return count;
}

std::vector<TensorEntry> tensor_table(const Blueprint& blueprint,
                                      const Architecture& architecture) {
  std::vector<TensorEntry> entries;
  entries.reserve(32 + 4 * architecture.conv_channels().size() + 20 * architecture.layers().size());
  const std::span<const TensorRow> rows = tensor_rows();
  for (auto row = rows.begin(); row != rows.end();) {
    const RowRepeat repeat = row->repeat;
    const auto end = std::find_if(row, rows.end(),
                                  [&](const TensorRow& other) { return other.repeat != repeat; });
    const auto add = [&](size_t index, const LayerShape* layer) {
      const LayerOfModel at{blueprint, architecture, static_cast<int32_t>(index), layer};
      for (auto one = row; one != end; ++one) add_entries(*one, at, entries);
    };
    if (repeat == RowRepeat::kOnce) {
      add(0, nullptr);
    } else if (repeat == RowRepeat::kConvLayers) {
      for (size_t i = 0; i < architecture.conv_channels().size(); ++i) add(i, nullptr);
    } else {
      for (const LayerShape& layer : architecture.layers()) {
        add(static_cast<size_t>(layer.index), &layer);
      }
    }
    row = end;
  }
  return entries;
}

bool is_per_encoder_layer(TensorModule module) { return module >= TensorModule::kKey; }

bool is_of_front_end(TensorModule module) { return module <= TensorModule::kFeatureNorm; }

bool is_of_attention(TensorModule module) {
  return module >= TensorModule::kPositionTable && module <= TensorModule::kPositionGateScale;
}

bool has_rate_unit(const Blueprint& blueprint, const Architecture& architecture) {
  return blueprint.rate != RateKind::kNone && blueprint.rate != RateKind::kAverage &&
         architecture.frame_period_us() > blueprint.base_frame_period_us();
}

int64_t joined_frames(const Blueprint& blueprint, const Architecture& architecture) {
  if (!blueprint.joins_frames()) return 1;
  return std::max(1, architecture.frame_period_us() / blueprint.base_frame_period_us());
}

int64_t most_mapping_heads(const Blueprint& blueprint, const Architecture& architecture) {
  int64_t most = 0;
  for (const LayerShape& layer : architecture.layers()) {
    if (!blueprint.reuses_attention(layer.index)) most = std::max<int64_t>(most, layer.heads);
  }
  return most;
}

}  // namespace concertina
