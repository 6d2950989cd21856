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
  cost.params += 2 * before;  // the LayerNorm of the features
  return cost;
}

Cost front_end_cost(const Blueprint& blueprint, const Architecture& architecture, int64_t samples) {
  if (blueprint.front_end == FrontEndKind::kWave) {
    return wave_cost(blueprint.wave, architecture.conv_channels(), samples);
  }
  Cost cost;
  cost.params = 2 * int64_t{blueprint.mel.bins};  // mean and standard deviation
  return cost;
}

Cost layer_cost(const LayerShape& layer, int64_t embed, int64_t head_dim, int64_t frames) {
  const int64_t width = head_dim * layer.heads;
  const int64_t ffn = layer.ffn_dim;
  const int64_t keys = layer.window == 0 ? frames : std::min<int64_t>(frames, layer.window + 1);
  Cost cost;
  if (layer.heads > 0) cost.params += 4 * embed * width + 3 * width + 3 * embed;
  if (layer.ffn_dim > 0) cost.params += 2 * embed * ffn + ffn + 3 * embed;
  cost.macs = frames * (4 * embed * width + 2 * embed * ffn) + 2 * frames * keys * width;
  return cost;
}

}  // namespace

Cost cost_of(const Blueprint& blueprint, const Architecture& architecture, int64_t samples,
             int32_t storage_embed_dim) {
  check_front_end(blueprint, architecture);
  Cost cost = front_end_cost(blueprint, architecture, samples);
  const auto add = [&cost](int64_t params, int64_t macs) {
    cost.params += params;
    cost.macs += macs;
  };
  const int64_t base_frames = blueprint.frames(samples);
  const int64_t frames = compressed_frames(blueprint, base_frames, architecture.frame_period_us());
  const int64_t features = blueprint.front_end_dim(architecture.conv_channels());
  const int64_t embed = architecture.embed_dim();
  const PositionalConv& positional = blueprint.positional;

  if (has_rate_unit(blueprint, architecture)) {
    const int64_t conv = kRateKernel * features * features;
    add(conv + 4 * features + 1, base_frames * (conv + features));
  }
  add(features * embed + embed, frames * features * embed);  // projection
  const int64_t positional_weights = embed * (embed / positional.groups) * positional.kernel;
  const int64_t scales = positional.weight_norm ? positional.kernel : 0;
  add(positional_weights + embed + scales, frames * positional_weights);
  add(embed + 2 * embed, 0);  // mask_emb and the encoder's LayerNorm
  for (const LayerShape& layer : architecture.layers()) {
    const Cost one = layer_cost(layer, embed, blueprint.head_dim, frames);
    add(one.params, one.macs);
  }
  const int64_t storage_embed = storage_embed_dim > 0 ? storage_embed_dim : embed;
  cost.params_lighthubert = cost.params - scales - embed + storage_embed;
  return cost;
}

}  // namespace concertina
