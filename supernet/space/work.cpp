#include "supernet/space/work.h"

#include <algorithm>

#include "supernet/space/frames.h"
#include "supernet/space/slicing.h"
#include "supernet/space/violations.h"

namespace concertina {
namespace {

void add_front_end(ForwardWork& work, const Blueprint& blueprint,
                   const std::vector<int32_t>& channels, int64_t samples) {
  if (blueprint.front_end != FrontEndKind::kWave) return;  // the mel filter bank counts 0
  int64_t length = samples, before = 1;
  for (size_t i = 0; i < blueprint.wave.layers.size(); ++i) {
    const auto [kernel, stride] = blueprint.wave.layers[i];
    length = conv_outputs(length, kernel, stride);
    work.front_end += length * channels[i] * before * kernel;
    work.front_end_elements += length * channels[i];
    before = channels[i];
  }
}

int64_t rate_macs(const Blueprint& blueprint, const Architecture& architecture,
                  const ForwardWork& work) {
  if (!has_rate_unit(blueprint, architecture)) return 0;
  if (blueprint.joins_frames()) {
    const int64_t embed = architecture.embed_dim();
    return work.frames * embed * embed * joined_frames(blueprint, architecture);
  }
  const int64_t features = blueprint.front_end_dim(architecture.conv_channels());
  return work.base_frames * (kRateKernel * features * features + features);
}

void add_layer(ForwardWork& work, const Blueprint& blueprint, const LayerShape& layer,
               int64_t embed) {
  const int64_t width = int64_t{blueprint.head_dim} * layer.heads;
  const bool reuses = blueprint.reuses_attention(layer.index);
  const int64_t halves = reuses ? 1 : 2;  // values and output; queries and keys
  work.attention_linear += work.frames * 2 * halves * embed * width;
  work.attention_scores += halves * work.frames * attended_keys(layer, work.frames) * width;
  const RelativePosition& bias = blueprint.relative_position;
  if (!reuses && bias.buckets > 0 && bias.gated)
    work.attention_linear += work.frames * width * kGateOutputs;
  work.ffn += work.frames * 2 * embed * layer.ffn_dim;
}

}  // namespace

int64_t ForwardWork::macs() const {
  return front_end + rate + projection + positional + attention_linear + attention_scores + ffn;
}

int64_t attended_keys(const LayerShape& layer, int64_t frames) {
  return layer.window == 0 ? frames : std::min<int64_t>(frames, layer.window + 1);
}

ForwardWork work_of(const Blueprint& blueprint, const Architecture& architecture, int64_t samples) {
  check_fit(blueprint, architecture);
  ForwardWork work;
  work.base_frames = blueprint.frames(samples);
  work.frames = compressed_frames(blueprint, work.base_frames, architecture.frame_period_us());
  work.input_frames = blueprint.joins_frames() ? work.base_frames : work.frames;
  add_front_end(work, blueprint, architecture.conv_channels(), samples);
  work.rate = rate_macs(blueprint, architecture, work);
  const int64_t embed = architecture.embed_dim();
  const PositionalConv& positional = blueprint.positional;
  if (blueprint.projection) {
    work.projection =
        work.input_frames * blueprint.front_end_dim(architecture.conv_channels()) * embed;
  }
  work.positional = work.input_frames * embed * (embed / positional.groups) * positional.kernel;
  for (const LayerShape& layer : architecture.layers()) add_layer(work, blueprint, layer, embed);
  return work;
}

}  // namespace concertina
