#include "supernet/space/work.h"

#include <algorithm>

#include "supernet/space/frames.h"
#include "supernet/space/tensor_table.h"
#include "supernet/space/violations.h"

namespace concertina {
namespace {

void add_front_end(ForwardWork& work, const Blueprint& blueprint, const Architecture& architecture,
                   int64_t samples) {
  const std::vector<int32_t>& channels = architecture.conv_channels();
  if (blueprint.front_end == FrontEndKind::kWhisper) {
    const int64_t mel = whisper_mel_frames(samples), embed = architecture.embed_dim();
    work.front_end =
        (mel * blueprint.whisper.bins + work.base_frames * embed) * embed * kWhisperKernel;
    work.front_end_elements = (mel + work.base_frames) * embed;
  }
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

int64_t rate_elements(const Blueprint& blueprint, const Architecture& architecture,
                      const ForwardWork& work) {
  if (work.frames == work.base_frames) return 0;
  return work.base_frames * (blueprint.joins_frames()
                                 ? architecture.embed_dim()
                                 : blueprint.front_end_dim(architecture.conv_channels()));
}

// How many keys a frame attends to.
int64_t attended_keys(const LayerShape& layer, int64_t frames) {
  return layer.window == 0 ? frames : std::min<int64_t>(frames, layer.window + 1);
}

void add_layer(ForwardWork& work, const Blueprint& blueprint, const LayerShape& layer,
               int64_t embed) {
  const int64_t width = int64_t{blueprint.head_dim} * layer.heads;
  const int64_t pairs = work.frames * attended_keys(layer, work.frames);  // of frame and key
  const bool reuses = blueprint.reuses_attention(layer.index);
  const int64_t halves = reuses ? 1 : 2;  // values and output; queries and keys
  work.attention_linear += work.frames * 2 * halves * embed * width;
  if (layer.is_linear()) {  // sums of keys times values, queries times the sums and their weights
    work.attention_scores += work.frames * width * (2 * int64_t{blueprint.head_dim} + 1);
    work.attention_map_elements += 2 * work.frames * width;
  } else {
    work.attention_scores += halves * pairs * width;
    if (!reuses) work.attention_map_elements += pairs * layer.heads;
  }
  const RelativePosition& bias = blueprint.relative_position;
  if (!reuses && bias.buckets > 0 && bias.gated)
    work.attention_linear += work.frames * width * kGateOutputs;
  work.ffn += work.frames * 2 * embed * layer.ffn_dim;
  work.ffn_elements += work.frames * layer.ffn_dim;
  work.layer_elements += work.frames * embed;
  work.attention_halves += layer.heads > 0;
  work.ffn_halves += layer.ffn_dim > 0;
}

}  // namespace

int64_t ForwardWork::macs() const {
  return front_end + rate + projection + positional + attention_linear + attention_scores + ffn;
}

ForwardWork work_of(const Blueprint& blueprint, const Architecture& architecture, int64_t samples) {
  check_fit(blueprint, architecture);
  ForwardWork work;
  work.base_frames = blueprint.frames(samples);
  work.frames = compressed_frames(blueprint, work.base_frames, architecture.frame_period_us());
  work.input_frames = blueprint.joins_frames() ? work.base_frames : work.frames;
  add_front_end(work, blueprint, architecture, samples);
  work.rate = rate_macs(blueprint, architecture, work);
  work.rate_elements = rate_elements(blueprint, architecture, work);
  const int64_t embed = architecture.embed_dim();
  work.input_elements = work.input_frames * embed;
  const PositionalConv& positional = blueprint.positional;
  if (blueprint.has_projection()) {
    work.projection =
        work.input_frames * blueprint.front_end_dim(architecture.conv_channels()) * embed;
  }
  work.positional = work.input_frames * embed * (embed / positional.groups) * positional.kernel;
  for (const LayerShape& layer : architecture.layers()) add_layer(work, blueprint, layer, embed);
  return work;
}

}  // namespace concertina
