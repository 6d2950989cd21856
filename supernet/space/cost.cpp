#include "supernet/space/cost.h"

#include "supernet/space/slicing.h"
#include "supernet/space/work.h"

namespace concertina {
namespace {

int64_t wave_params(const WaveFrontEnd& wave, const std::vector<int32_t>& channels) {
  int64_t params = 0, before = 1;
  for (size_t i = 0; i < wave.layers.size(); ++i) {
    const int64_t width = channels[i];
    const bool normed = wave.norm == ExtractorNorm::kLayer || i == 0;
    params += width * before * wave.layers[i].kernel + (wave.bias ? width : 0) +
              (normed ? 2 * width : 0);
    before = width;
  }
  return params + (wave.feature_norm ? 2 * before : 0) + (wave.feature_scale ? before : 0);
}

int64_t front_end_params(const Blueprint& blueprint, const Architecture& architecture) {
  if (blueprint.front_end == FrontEndKind::kWave)
    return wave_params(blueprint.wave, architecture.conv_channels());
  return 2 * int64_t{blueprint.mel.bins};  // mean and standard deviation
}

int64_t attention_params(const Blueprint& blueprint, const LayerShape& layer, int64_t embed) {
  if (layer.heads == 0) return 0;
  const int64_t width = int64_t{blueprint.head_dim} * layer.heads;
  const int64_t rest = 3 * embed;  // bias of the output, norm
  if (blueprint.reuses_attention(layer.index)) return 2 * embed * width + width + rest;
  const RelativePosition& bias = blueprint.relative_position;
  const int64_t gate =
      bias.buckets > 0 && bias.gated ? kGateOutputs * (blueprint.head_dim + 1) + layer.heads : 0;
  return 4 * embed * width + 3 * width + rest + gate;
}

int64_t ffn_params(const LayerShape& layer, int64_t embed) {
  if (layer.ffn_dim == 0) return 0;
  return 2 * embed * layer.ffn_dim + layer.ffn_dim + 3 * embed;
}

int64_t rate_params(const Blueprint& blueprint, const Architecture& architecture) {
  if (!has_rate_unit(blueprint, architecture)) return 0;
  if (blueprint.joins_frames()) {
    const int64_t embed = architecture.embed_dim();
    return embed * embed * joined_frames(blueprint, architecture) + embed;
  }
  const int64_t features = blueprint.front_end_dim(architecture.conv_channels());
  return kRateKernel * features * features + 4 * features + 1;
}

}  // namespace

Cost cost_of(const Blueprint& blueprint, const Architecture& architecture, int64_t samples,
             int32_t storage_embed_dim) {
  const ForwardWork work = work_of(blueprint, architecture, samples);
  const int64_t features = blueprint.front_end_dim(architecture.conv_channels());
  const int64_t embed = architecture.embed_dim();
  const PositionalConv& positional = blueprint.positional;
  const int64_t scales = positional.weight_norm ? positional.kernel : 0;

  Cost cost;
  cost.macs = work.macs();
  cost.front_end_macs = work.front_end;
  cost.params = front_end_params(blueprint, architecture) + rate_params(blueprint, architecture);
  if (blueprint.projection) cost.params += features * embed + embed;
  cost.params += embed * (embed / positional.groups) * positional.kernel + embed + scales;
  cost.params += embed + 2 * embed;  // mask_emb and the encoder's LayerNorm
  cost.params += blueprint.relative_position.buckets * most_mapping_heads(blueprint, architecture);
  for (const LayerShape& layer : architecture.layers())
    cost.params += attention_params(blueprint, layer, embed) + ffn_params(layer, embed);
  const int64_t storage_embed = storage_embed_dim > 0 ? storage_embed_dim : embed;
  cost.params_lighthubert = cost.params - scales - embed + storage_embed;
  return cost;
}

}  // namespace concertina
