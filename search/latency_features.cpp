#include "search/latency_features.h"

#include <algorithm>

namespace concertina {
namespace {

struct FrontEndWork {
  double macs = 0, elements = 0;
};

FrontEndWork front_end_work(const Blueprint& blueprint, const Architecture& architecture, int64_t samples) {
  FrontEndWork work;
  if (blueprint.front_end != FrontEndKind::kWave) return work;  // log-mel is the same for every architecture
  const std::vector<int32_t>& channels = architecture.conv_channels();
  int64_t length = samples;
  double inputs = 1;
  for (size_t i = 0; i < std::min(channels.size(), blueprint.wave.layers.size()); ++i) {
    const ConvLayer& conv = blueprint.wave.layers[i];
    length = std::max<int64_t>(0, (length - conv.kernel) / conv.stride + 1);
    const double outputs = static_cast<double>(length) * channels[i];
    work.macs += outputs * inputs * conv.kernel;
    work.elements += outputs;
    inputs = channels[i];
  }
  return work;
}

struct EncoderWork {
  double attention_linear = 0, attention_scores = 0, attention_maps = 0, ffn = 0;
  double layer_elements = 0, ffn_elements = 0, attention_halves = 0, ffn_halves = 0;
};

EncoderWork encoder_work(const Blueprint& blueprint, const Architecture& architecture, double frames) {
  EncoderWork work;
  const double width = architecture.embed_dim();
  for (const LayerShape& layer : architecture.layers()) {
    const double inner = static_cast<double>(layer.heads) * blueprint.head_dim;
    const double keys = layer.window > 0 ? std::min(frames, layer.window + 1.0) : frames;
    work.attention_linear += frames * 4 * width * inner;
    work.attention_scores += 2 * frames * keys * inner;
    work.attention_maps += frames * keys * layer.heads;
    work.ffn += frames * 2 * width * layer.ffn_dim;
    work.layer_elements += frames * width;
    work.ffn_elements += frames * layer.ffn_dim;
    work.attention_halves += layer.heads > 0;
    work.ffn_halves += layer.ffn_dim > 0;
  }
  return work;
}

}  // namespace

const std::vector<std::string>& latency_feature_names() {
  static const std::vector<std::string> names = {
      "front_end_macs", "front_end_elements", "projection_macs", "positional_macs", "input_elements", "rate_elements",
      "attention_linear_macs", "attention_score_macs", "attention_map_elements", "ffn_macs", "layer_elements",
      "ffn_elements", "attention_halves", "ffn_halves"};
  return names;
}

std::vector<double> latency_features(const Blueprint& blueprint, const Architecture& architecture, int64_t samples) {
  const int64_t base = blueprint.frames(samples);
  const int64_t compressed = compressed_frames(blueprint, base, architecture.frame_period_us());
  const auto base_frames = static_cast<double>(base);
  const auto frames = static_cast<double>(compressed);
  const double width = architecture.embed_dim();
  const FrontEndWork front = front_end_work(blueprint, architecture, samples);
  const EncoderWork encoder = encoder_work(blueprint, architecture, frames);
  const double group = width / std::max(1, blueprint.positional.groups);
  return {front.macs,
          front.elements,
          base_frames * blueprint.front_end_dim(architecture.conv_channels()) * width,
          frames * width * group * blueprint.positional.kernel,
          base_frames * width,
          compressed == base ? 0.0 : base_frames * width,
          encoder.attention_linear,
          encoder.attention_scores,
          encoder.attention_maps,
          encoder.ffn,
          encoder.layer_elements,
          encoder.ffn_elements,
          encoder.attention_halves,
          encoder.ffn_halves};
}

}  // namespace concertina
