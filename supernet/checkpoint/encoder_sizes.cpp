#include "supernet/checkpoint/encoder_sizes.h"

#include <fmt/format.h>

#include "supernet/checkpoint/conv_spec.h"
#include "supernet/space/blueprint_config.h"
#include "supernet/space/slicing.h"
#include "supernet/space/violations.h"

namespace concertina {
namespace {

constexpr const char* kDefaultConvs = "[(512,10,5)] + [(512,3,2)] * 4 + [(512,2,2)] * 2";

}  // namespace

EncoderSizes read_encoder_sizes(SettingsReader& reader, const EncoderSizeKeys& keys,
                                Blueprint& blueprint, EncoderSizes sizes) {
  reader.read(keys.embed_dim, sizes.embed_dim, 1, kMaxForeignWidth);
  reader.read(keys.layers, sizes.layers, 1, kMaxForeignLayers);
  reader.read(keys.heads, sizes.heads, 1, kMaxForeignWidth);
  reader.read(keys.ffn_dim, sizes.ffn_dim, 1, kMaxForeignWidth);
  reader.read(keys.positional_kernel, blueprint.positional.kernel, 1, 4096);
  reader.read(keys.positional_groups, blueprint.positional.groups, 1, 4096);
  if (sizes.embed_dim % sizes.heads != 0 || sizes.embed_dim % blueprint.positional.groups != 0) {
    reader.problem(keys.embed_dim,
                   fmt::format("{} is no multiple of the {} heads and the {} "
                               "groups of the positional conv",
                               sizes.embed_dim, sizes.heads, blueprint.positional.groups));
  }
  blueprint.head_dim = sizes.embed_dim / sizes.heads;
  return sizes;
}

std::vector<int32_t> read_fairseq_front_end(SettingsReader& reader, WaveFrontEnd& wave,
                                            std::string mode, const std::string& layers_key) {
  reader.read("extractor_mode", mode);
  if (mode != "default" && mode != "layer_norm") {
    reader.problem("extractor_mode",
                   fmt::format("'{}' is neither 'default' nor 'layer_norm'", mode));
  }
  wave.norm = mode == "layer_norm" ? ExtractorNorm::kLayer : ExtractorNorm::kGroup;
  reader.read("conv_bias", wave.bias);
  std::string text = kDefaultConvs;
  reader.read(layers_key, text);
  const auto convs = parse_conv_spec(text);
  if (!convs) {
    reader.problem(layers_key, fmt::format("'{}' is no list of (channels, kernel, stride)", text));
    return {};
  }
  wave.layers = convs->layers;
  return convs->channels;
}

Architecture homogeneous(const Blueprint& blueprint, std::vector<int32_t> conv_channels,
                         const EncoderSizes& sizes) {
  const Blueprint checked = blueprint_from_json(json_of(blueprint));
  std::vector<LayerShape> shapes;
  for (int32_t i = 0; i < sizes.layers; ++i) shapes.push_back({i, sizes.heads, sizes.ffn_dim, 0});
  Architecture architecture(std::move(conv_channels), sizes.embed_dim,
                            checked.base_frame_period_us(), std::move(shapes));
  check_fit(checked, {architecture}, architecture);
  return architecture;
}

}  // namespace concertina
