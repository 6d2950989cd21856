#include "supernet/space/lighthubert_dict.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/errors.h"

namespace concertina {
namespace {

using nlohmann::json;

[[noreturn]] void invalid_dict(const std::string& message) {
  throw InputError("LightHuBERT's architecture dict: " + message);
}

int32_t number(const json& value, const std::string& key) {
  if (value.is_number_integer()) {
    const auto wide = value.get<int64_t>();
    if (wide >= 0 && wide <= 1'000'000) return static_cast<int32_t>(wide);
  }
  invalid_dict(fmt::format("{} must be a whole number, not {}", key, value.dump()));
}

const json& member(const json& dict, const char* key) {
  const auto found = dict.find(key);
  if (found == dict.end()) {
    invalid_dict(
        fmt::format("'{}' is missing: expected atten_dim, embed_dim, ffn_embed, heads_num, "
                    "layer_num and optionally slide_wsz",
                    key));
  }
  return *found;
}

std::vector<int32_t> numbers(const json& dict, const char* key, size_t count) {
  const json& list = member(dict, key);
  if (!list.is_array() || list.size() != count) {
    invalid_dict(
        fmt::format("{} must be a list of {} values, one for each kept layer", key, count));
  }
  std::vector<int32_t> values;
  for (const json& value : list) {
    values.push_back(value == "global" ? 0 : number(value, key));
  }
  return values;
}

json parsed(const std::string& text) {
  try {
    return json::parse(text);
  } catch (const json::exception& error) {
    invalid_dict(fmt::format("not JSON: {}", error.what()));
  }
}

}  // namespace

Architecture architecture_from_lighthubert(const SearchSpace& space, const std::string& text) {
  const json dict = parsed(text);
  const int32_t depth = number(member(dict, "layer_num"), "layer_num");
  const auto count = static_cast<size_t>(depth);
  const std::vector<int32_t> heads = numbers(dict, "heads_num", count);
  const std::vector<int32_t> ffn = numbers(dict, "ffn_embed", count);
  const std::vector<int32_t> widths = numbers(dict, "atten_dim", count);
  const std::vector<int32_t> windows =
      dict.contains("slide_wsz") ? numbers(dict, "slide_wsz", count) : std::vector<int32_t>(count);
  const std::vector<int32_t> kept = kept_layers(space.choices(), depth);
  const int32_t head_dim = space.blueprint().head_dim;
  std::vector<LayerShape> layers;
  for (size_t i = 0; i < count; ++i) {
    if (widths[i] != heads[i] * head_dim) {
      invalid_dict(fmt::format("atten_dim[{}] is {}, but {} heads of {} make {}", i, widths[i],
                               heads[i], head_dim, heads[i] * head_dim));
    }
    layers.push_back({kept[i], heads[i], ffn[i], windows[i]});
  }
  return Architecture(space.storage().shape.conv_channels(),
                      number(member(dict, "embed_dim"), "embed_dim"),
                      space.largest().frame_period_us(), layers);
}

}  // namespace concertina
