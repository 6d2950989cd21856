#include "supernet/space/blueprint_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "supernet/space/enum_text.h"

namespace concertina {
namespace {

const std::vector<std::string> kFrontEndNames = {"wave", "log_mel", "whisper"};
const std::vector<std::string> kExtractorNormNames = {"group", "layer"};
const std::vector<std::string> kNormPositionNames = {"post", "pre"};
const std::vector<std::string> kRateNames = {"none", "cif", "conv", "linear", "average"};

void read_size(ConfigSection& section, const char* key, int32_t low, int32_t high, int32_t& value) {
  section.read(key, value, {static_cast<double>(low), static_cast<double>(high)});
}

void read_wave(ConfigSection& section, WaveFrontEnd& wave) {
  std::vector<int32_t> kernels, strides;
  for (const ConvLayer& layer : wave.layers) {
    kernels.push_back(layer.kernel);
    strides.push_back(layer.stride);
  }
  section.read("kernels", kernels);
  section.read("strides", strides);
  read_enum(section, "norm", kExtractorNormNames, wave.norm);
  section.read("bias", wave.bias);
  section.read("feature_norm", wave.feature_norm);
  section.read("feature_scale", wave.feature_scale);
  if (kernels.empty() || kernels.size() != strides.size()) {
    section.problem("strides", fmt::format("{} strides for {} kernels: one of each per conv layer",
                                           strides.size(), kernels.size()));
    return;
  }
  std::vector<ConvLayer> layers;
  int64_t stride_product = 1;
  for (size_t i = 0; i < kernels.size(); ++i) {
    const auto ok = [](int32_t v) { return v >= 1 && v <= 1000; };
    if (!ok(kernels[i]) || !ok(strides[i])) {
      section.problem(ok(kernels[i]) ? "strides" : "kernels",
                      "kernels and strides must be 1 to 1000");
      return;
    }
    stride_product = std::min<int64_t>(stride_product * strides[i], 1'000'000'000);
    layers.push_back({kernels[i], strides[i]});
  }
  if (stride_product > 1'000'000) {
    section.problem("strides", "their product must not exceed 1000000 samples");
    return;
  }
  wave.layers = std::move(layers);
}

void read_mel(ConfigSection& section, LogMelFrontEnd& mel) {
  read_size(section, "bins", 1, 1024, mel.bins);
  read_size(section, "window", 2, 16384, mel.window);
  read_size(section, "hop", 1, 16384, mel.hop);
  read_size(section, "stack", 1, 64, mel.stack);
}

// Without a convolution its other options have no meaning, and one value.
void read_positional_conv(ConfigSection section, PositionalConv& conv) {
  read_size(section, "kernel", 0, 4096, conv.kernel);
  read_size(section, "groups", 1, 4096, conv.groups);
  section.read("weight_norm", conv.weight_norm);
  section.read("interleaved", conv.interleaved);
  if (conv.kernel == 0) conv = {.kernel = 0, .groups = 1, .weight_norm = false};
}

void read_relative_position(ConfigSection section, RelativePosition& bias) {
  read_size(section, "buckets", 0, 65'536, bias.buckets);
  read_size(section, "max_distance", 1, 1'000'000, bias.max_distance);
  section.read("gated", bias.gated);
  if (bias.buckets == 0) return;
  if (bias.buckets % 4 != 0) {
    section.problem("buckets", fmt::format("{} is not a multiple of 4", bias.buckets));
  } else if (bias.max_distance <= bias.buckets / 4) {
    section.problem("max_distance", fmt::format("{} is out of range: {} buckets need more than {}",
                                                bias.max_distance, bias.buckets, bias.buckets / 4));
  }
}

void read_reuse(ConfigSection& section, std::vector<int32_t>& layers) {
  std::vector<int32_t> given = layers;
  section.read("attention_reuse", given);
  if (std::ranges::adjacent_find(given, std::ranges::greater_equal()) != given.end() ||
      (!given.empty() && given.front() < 1)) {
    section.problem("attention_reuse",
                    "layers must be ascending, and layer 0 computes its own map");
    return;
  }
  layers = std::move(given);
}

void read_eps(ConfigSection& section, double& eps) {
  section.read("normalize_eps", eps, kShareBounds);
}

nlohmann::json front_end_json(const Blueprint& blueprint) {
  nlohmann::json json = {{"kind", name_of(kFrontEndNames, blueprint.front_end)}};
  if (blueprint.front_end == FrontEndKind::kWhisper) {
    json["bins"] = blueprint.whisper.bins;
    return json;
  }
  if (blueprint.front_end == FrontEndKind::kLogMel) {
    json["bins"] = blueprint.mel.bins;
    json["window"] = blueprint.mel.window;
    json["hop"] = blueprint.mel.hop;
    json["stack"] = blueprint.mel.stack;
    return json;
  }
  for (const ConvLayer& layer : blueprint.wave.layers) {
    json["kernels"].push_back(layer.kernel);
    json["strides"].push_back(layer.stride);
  }
  json["norm"] = name_of(kExtractorNormNames, blueprint.wave.norm);
  json["bias"] = blueprint.wave.bias;
  if (!blueprint.wave.feature_norm) json["feature_norm"] = false;
  if (blueprint.wave.feature_scale) json["feature_scale"] = true;
  return json;
}

// Options since version 0.1, left out at their defaults: files that do not use them stay the same.
void add_newer_options(const Blueprint& blueprint, nlohmann::json& json) {
  const Blueprint plain;
  if (blueprint.normalize_eps != plain.normalize_eps) {
    json["normalize_eps"] = blueprint.normalize_eps;
  }
  if (!blueprint.projection) json["projection"] = false;
  if (!blueprint.key_bias) json["key_bias"] = false;
  if (blueprint.position_embeddings > 0) {
    json["position_embeddings"] = blueprint.position_embeddings;
  }
  if (!blueprint.attention_reuse.empty()) json["attention_reuse"] = blueprint.attention_reuse;
  if (const RelativePosition& bias = blueprint.relative_position; bias.buckets > 0) {
    json["relative_position"] = {
        {"buckets", bias.buckets}, {"max_distance", bias.max_distance}, {"gated", bias.gated}};
  }
}

// What works on features before a projection does not go with Whisper's front end.
void check_whisper(ConfigSection& section, const Blueprint& blueprint) {
  if (blueprint.front_end != FrontEndKind::kWhisper) return;
  if (blueprint.rate == RateKind::kCif) {
    section.problem("rate",
                    "cif works on features before the projection, and a whisper front end has "
                    "convolutions in its place: expected none, conv, linear or average");
  }
  if (!blueprint.projection) {
    section.problem("projection",
                    "a whisper front end has convolutions in its place: leave it out");
  }
  if (blueprint.normalize_waveform) {
    section.problem("normalize_waveform", "a whisper front end scales its log-mel energies itself");
  }
}

}  // namespace

std::string json_of(const Blueprint& blueprint) {
  nlohmann::json json = {{"sample_rate", blueprint.sample_rate},
                         {"front_end", front_end_json(blueprint)},
                         {"normalize_waveform", blueprint.normalize_waveform},
                         {"norm_position", name_of(kNormPositionNames, blueprint.norm_position)},
                         {"head_dim", blueprint.head_dim},
                         {"positional",
                          {{"kernel", blueprint.positional.kernel},
                           {"groups", blueprint.positional.groups},
                           {"weight_norm", blueprint.positional.weight_norm},
                           {"interleaved", blueprint.positional.interleaved}}},
                         {"rate", name_of(kRateNames, blueprint.rate)}};
  add_newer_options(blueprint, json);
  return json.dump();
}

// JSON is YAML: one parser, one set of checks, places in the messages.
Blueprint blueprint_from_json(std::string_view json) {
  ConfigFile file = ConfigFile::parse(std::string(json), "blueprint");
  Blueprint blueprint = blueprint_from_config(file.root());
  file.finish();
  return blueprint;
}

Blueprint blueprint_from_config(ConfigSection section) {
  Blueprint blueprint;
  read_size(section, "sample_rate", 1000, 192'000, blueprint.sample_rate);
  ConfigSection front_end = section.section("front_end");
  read_enum(front_end, "kind", kFrontEndNames, blueprint.front_end);
  if (blueprint.front_end == FrontEndKind::kWave) {
    read_wave(front_end, blueprint.wave);
  } else if (blueprint.front_end == FrontEndKind::kWhisper) {
    read_size(front_end, "bins", 1, 1024, blueprint.whisper.bins);
  } else {
    read_mel(front_end, blueprint.mel);
  }
  section.read("normalize_waveform", blueprint.normalize_waveform);
  read_eps(section, blueprint.normalize_eps);
  section.read("projection", blueprint.projection);
  section.read("key_bias", blueprint.key_bias);
  read_enum(section, "norm_position", kNormPositionNames, blueprint.norm_position);
  read_size(section, "head_dim", 1, 1024, blueprint.head_dim);
  read_positional_conv(section.section("positional"), blueprint.positional);
  read_size(section, "position_embeddings", 0, 65'536, blueprint.position_embeddings);
  read_relative_position(section.section("relative_position"), blueprint.relative_position);
  read_reuse(section, blueprint.attention_reuse);
  read_enum(section, "rate", kRateNames, blueprint.rate);
  check_whisper(section, blueprint);
  return blueprint;
}

}  // namespace concertina
