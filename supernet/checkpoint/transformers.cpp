#include "supernet/checkpoint/transformers.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "core/errors.h"
#include "supernet/checkpoint/conv_spec.h"
#include "supernet/checkpoint/encoder_sizes.h"
#include "supernet/checkpoint/whisper.h"

namespace concertina {
namespace {

constexpr EncoderSizeKeys kSizeKeys = {
    "hidden_size",       "num_hidden_layers",       "num_attention_heads",
    "intermediate_size", "num_conv_pos_embeddings", "num_conv_pos_embedding_groups"};

void check_transformers_options(SettingsReader& reader) {
  reader.expect("hidden_act", "gelu");
  reader.expect("feat_extract_activation", "gelu");
  reader.expect("conv_pos_batch_norm", false);
  reader.expect("add_adapter", false);
  double eps = 1e-5;
  reader.read("layer_norm_eps", eps);
  if (eps != 1e-5) reader.problem("layer_norm_eps", fmt::format("{} is not supported", eps));
  if (reader.has("adapter_attn_dim")) {
    reader.problem("adapter_attn_dim", "adapters are not supported");
  }
}

std::vector<int32_t> read_front_end(SettingsReader& reader, WaveFrontEnd& wave) {
  std::vector<int32_t> channels(7, 512), kernels, strides;
  for (const ConvLayer& layer : wave.layers) {
    kernels.push_back(layer.kernel);
    strides.push_back(layer.stride);
  }
  reader.read("conv_dim", channels, 1, kMaxForeignWidth);
  reader.read("conv_kernel", kernels, 1, 1000);
  reader.read("conv_stride", strides, 1, 1000);
  if (channels.size() != kernels.size() || channels.size() != strides.size() || channels.empty() ||
      channels.size() > kMaxConvLayers) {
    reader.problem("conv_dim",
                   fmt::format("{} widths, {} kernels and {} strides: expected one of "
                               "each per layer, at most {}",
                               channels.size(), kernels.size(), strides.size(), kMaxConvLayers));
    return channels;
  }
  wave.layers.clear();
  for (size_t i = 0; i < channels.size(); ++i) wave.layers.push_back({kernels[i], strides[i]});
  std::string norm = "group";
  reader.read("feat_extract_norm", norm);
  if (norm != "group" && norm != "layer") {
    reader.problem("feat_extract_norm", fmt::format("'{}' is neither 'group' nor 'layer'", norm));
  }
  wave.norm = norm == "layer" ? ExtractorNorm::kLayer : ExtractorNorm::kGroup;
  reader.read("conv_bias", wave.bias);
  return channels;
}

std::string kind_of(const Settings& config) {
  const std::string type = config.text("model_type");
  if (type == "hubert") return "HuBERT";
  if (type == "wav2vec2") return "wav2vec 2.0";
  if (type == "wavlm") return "WavLM";
  const std::vector<std::string> known = {"hubert", "wav2vec2", "wavlm", "whisper"};
  throw InputError(
      fmt::format("{}: model_type '{}' is not a model that can be imported: expected "
                  "hubert, wav2vec2, wavlm or whisper{}",
                  config.name(), type, did_you_mean(type, known)));
}

}  // namespace

ForeignModel transformers_model(const Settings& config, const Settings& preprocessor) {
  if (config.text("model_type") == "whisper") return transformers_whisper(config, preprocessor);
  ForeignModel model{.kind = kind_of(config), .naming = Naming::kTransformers};
  SettingsReader reader(config, "");
  Blueprint blueprint;
  const EncoderSizes sizes = read_encoder_sizes(reader, kSizeKeys, blueprint);
  const std::vector<int32_t> channels = read_front_end(reader, blueprint.wave);
  bool stable = false;
  reader.read("do_stable_layer_norm", stable);
  blueprint.norm_position = stable ? NormPosition::kPre : NormPosition::kPost;
  if (model.kind == "HuBERT") reader.read("feat_proj_layer_norm", blueprint.wave.feature_norm);
  if (model.kind == "WavLM") {
    RelativePosition& bias = blueprint.relative_position;
    bias.buckets = 320;
    reader.read("num_buckets", bias.buckets, 4, kMaxForeignWidth);
    reader.read("max_bucket_distance", bias.max_distance, 2, kMaxForeignWidth);
  }
  check_transformers_options(reader);
  reader.finish();
  blueprint.normalize_waveform = blueprint.wave.norm == ExtractorNorm::kLayer;
  blueprint.normalize_eps = 1e-7;  // of Wav2Vec2FeatureExtractor
  SettingsReader waveform(preprocessor, "");
  waveform.read("do_normalize", blueprint.normalize_waveform);
  waveform.read("normalize_eps", blueprint.normalize_eps);  // ours: transformers has one value only
  waveform.read("sampling_rate", blueprint.sample_rate, 1000, 192'000);
  waveform.finish();
  model.storage.shape = homogeneous(blueprint, channels, sizes);
  model.blueprint = std::move(blueprint);
  return model;
}

std::string transformers_config(const Blueprint& blueprint, const Architecture& architecture) {
  const LayerShape& layer = architecture.layers().front();
  const RelativePosition& bias = blueprint.relative_position;
  const bool wavlm = bias.buckets > 0;
  const bool layer_norms = blueprint.wave.norm == ExtractorNorm::kLayer;
  nlohmann::ordered_json json = {
      {"architectures", {wavlm ? "WavLMModel" : "HubertModel"}},
      {"model_type", wavlm ? "wavlm" : "hubert"},
      {"torch_dtype", "float32"},
      {"hidden_size", architecture.embed_dim()},
      {"num_hidden_layers", architecture.depth()},
      {"num_attention_heads", layer.heads},
      {"intermediate_size", layer.ffn_dim},
      {"hidden_act", "gelu"},
      {"layer_norm_eps", 1e-5},
      {"do_stable_layer_norm", blueprint.norm_position == NormPosition::kPre},
      {"feat_extract_norm", layer_norms ? "layer" : "group"},
      {"feat_extract_activation", "gelu"},
      {"num_feat_extract_layers", blueprint.wave.layers.size()},
      {"conv_dim", architecture.conv_channels()},
      {"conv_bias", blueprint.wave.bias},
      {"num_conv_pos_embeddings", blueprint.positional.kernel},
      {"num_conv_pos_embedding_groups", blueprint.positional.groups}};
  for (const ConvLayer& conv : blueprint.wave.layers) {
    json["conv_kernel"].push_back(conv.kernel);
    json["conv_stride"].push_back(conv.stride);
  }
  if (wavlm) {
    json["num_buckets"] = bias.buckets;
    json["max_bucket_distance"] = bias.max_distance;
  } else {
    json["feat_proj_layer_norm"] = blueprint.wave.feature_norm;
  }
  return json.dump(2) + "\n";
}

std::string transformers_preprocessor(const Blueprint& blueprint) {
  const nlohmann::ordered_json json = {
      {"feature_extractor_type", "Wav2Vec2FeatureExtractor"},
      {"feature_size", 1},
      {"sampling_rate", blueprint.sample_rate},
      {"do_normalize", blueprint.normalize_waveform},
      {"normalize_eps", blueprint.normalize_eps},
      {"padding_side", "right"},
      {"padding_value", 0.0},
      {"return_attention_mask", blueprint.wave.norm == ExtractorNorm::kLayer}};
  return json.dump(2) + "\n";
}

}  // namespace concertina
