#include "study/latency/features.h"

#include <initializer_list>

#include "supernet/space/work.h"

namespace concertina {
namespace {

std::vector<double> as_features(std::initializer_list<int64_t> counts) {
  return {counts.begin(), counts.end()};
}

std::vector<double> features_now(const Blueprint& blueprint, const Architecture& architecture,
                                 int64_t samples) {
  const ForwardWork work = work_of(blueprint, architecture, samples);
  return as_features({work.front_end, work.front_end_elements, work.rate, work.rate_elements,
                      work.projection, work.positional, work.input_elements, work.attention_linear,
                      work.attention_scores, work.attention_map_elements, work.ffn,
                      work.layer_elements, work.ffn_elements, work.attention_halves,
                      work.ffn_halves});
}

// Format 1: the projection at the base rate, the positional convolution at the layers' rate, the
// full attention in layers that reuse a map, no rate unit and no gate.
std::vector<double> features_of_format_1(Blueprint blueprint, const Architecture& architecture,
                                         int64_t samples) {
  blueprint.attention_reuse.clear();
  blueprint.relative_position = {};
  const ForwardWork work = work_of(blueprint, architecture, samples);
  const int64_t embed = architecture.embed_dim(), base_elements = work.base_frames * embed;
  const int64_t features = blueprint.front_end_dim(architecture.conv_channels());
  const PositionalConv& positional = blueprint.positional;
  return as_features({work.front_end, work.front_end_elements, base_elements * features,
                      work.frames * embed * (embed / positional.groups) * positional.kernel,
                      base_elements, work.frames == work.base_frames ? 0 : base_elements,
                      work.attention_linear, work.attention_scores, work.attention_map_elements,
                      work.ffn, work.layer_elements, work.ffn_elements, work.attention_halves,
                      work.ffn_halves});
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
