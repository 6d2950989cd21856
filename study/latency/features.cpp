#include "study/latency/features.h"

#include <algorithm>

#include "supernet/space/work.h"

namespace concertina {
namespace {

struct Elements {
  double maps = 0, layers = 0, ffn = 0;
  double attention_halves = 0, ffn_halves = 0;
};

Elements elements_of(const Blueprint& blueprint, const Architecture& architecture, int64_t frames) {
  Elements all;
  const auto rows = static_cast<double>(frames);
  for (const LayerShape& layer : architecture.layers()) {
    if (!blueprint.reuses_attention(layer.index))
      all.maps += rows * static_cast<double>(attended_keys(layer, frames)) * layer.heads;
    all.layers += rows * architecture.embed_dim();
    all.ffn += rows * layer.ffn_dim;
    all.attention_halves += layer.heads > 0;
    all.ffn_halves += layer.ffn_dim > 0;
  }
  return all;
}

double rate_elements(const Blueprint& blueprint, const Architecture& architecture,
                     const ForwardWork& work) {
  if (work.frames == work.base_frames) return 0;
  const int64_t width = blueprint.joins_frames()
                            ? architecture.embed_dim()
                            : blueprint.front_end_dim(architecture.conv_channels());
  return static_cast<double>(work.base_frames * width);
}

std::vector<double> features_now(const Blueprint& blueprint, const Architecture& architecture,
                                 int64_t samples) {
  const ForwardWork work = work_of(blueprint, architecture, samples);
  const Elements elements = elements_of(blueprint, architecture, work.frames);
  const auto macs = [](int64_t count) { return static_cast<double>(count); };
  return {macs(work.front_end),
          macs(work.front_end_elements),
          macs(work.rate),
          rate_elements(blueprint, architecture, work),
          macs(work.projection),
          macs(work.positional),
          macs(work.input_frames * architecture.embed_dim()),
          macs(work.attention_linear),
          macs(work.attention_scores),
          elements.maps,
          macs(work.ffn),
          elements.layers,
          elements.ffn,
          elements.attention_halves,
          elements.ffn_halves};
}

// Format 1: the projection at the base rate, the positional convolution at the layers' rate, the
// full attention in layers that reuse a map, no rate unit and no gate.
std::vector<double> features_of_format_1(const Blueprint& blueprint,
                                         const Architecture& architecture, int64_t samples) {
  const ForwardWork work = work_of(blueprint, architecture, samples);
  Elements elements = elements_of(blueprint, architecture, work.frames);
  const auto base = static_cast<double>(work.base_frames),
             frames = static_cast<double>(work.frames);
  const double width = architecture.embed_dim();
  double linear = 0, scores = 0;
  elements.maps = 0;
  for (const LayerShape& layer : architecture.layers()) {
    const double inner = static_cast<double>(layer.heads) * blueprint.head_dim;
    const auto keys = static_cast<double>(attended_keys(layer, work.frames));
    linear += frames * 4 * width * inner;
    scores += 2 * frames * keys * inner;
    elements.maps += frames * keys * layer.heads;
  }
  const double group = width / std::max(1, blueprint.positional.groups);
  return {static_cast<double>(work.front_end),
          static_cast<double>(work.front_end_elements),
          base * static_cast<double>(blueprint.front_end_dim(architecture.conv_channels())) * width,
          frames * width * group * blueprint.positional.kernel,
          base * width,
          work.frames == work.base_frames ? 0.0 : base * width,
          linear,
          scores,
          elements.maps,
          static_cast<double>(work.ffn),
          elements.layers,
          elements.ffn,
          elements.attention_halves,
          elements.ffn_halves};
}

}  // namespace

const std::vector<std::string>& latency_feature_names(int32_t format) {
  static const std::vector<std::string> kFirst = {"front_end_macs",         "front_end_elements",
                                                  "projection_macs",        "positional_macs",
                                                  "input_elements",         "rate_elements",
                                                  "attention_linear_macs",  "attention_score_macs",
                                                  "attention_map_elements", "ffn_macs",
                                                  "layer_elements",         "ffn_elements",
                                                  "attention_halves",       "ffn_halves"};
  static const std::vector<std::string> kNow = {
      "front_end_macs",       "front_end_elements",     "rate_macs",      "rate_elements",
      "projection_macs",      "positional_macs",        "input_elements", "attention_linear_macs",
      "attention_score_macs", "attention_map_elements", "ffn_macs",       "layer_elements",
      "ffn_elements",         "attention_halves",       "ffn_halves"};
  return format == 1 ? kFirst : kNow;
}

std::vector<double> latency_features(const Blueprint& blueprint, const Architecture& architecture,
                                     int64_t samples, int32_t format) {
  return format == 1 ? features_of_format_1(blueprint, architecture, samples)
                     : features_now(blueprint, architecture, samples);
}

}  // namespace concertina
