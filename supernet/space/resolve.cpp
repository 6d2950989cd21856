#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "core/files.h"
#include "supernet/space/search_space.h"

namespace concertina {
namespace {

using nlohmann::json;

const std::vector<std::string> kNamed = {"smallest", "largest", "default", "whole"};

[[noreturn]] void bad_dict(const std::string& message) {
  throw InputError("LightHuBERT's architecture dict: " + message);
}

int32_t number(const json& value, const std::string& key) {
  if (value.is_number_integer()) {
    const auto wide = value.get<int64_t>();
    if (wide >= 0 && wide <= 1'000'000) return static_cast<int32_t>(wide);
  }
  bad_dict(fmt::format("{} must be a whole number, not {}", key, value.dump()));
}

const json& member(const json& dict, const char* key) {
  const auto found = dict.find(key);
  if (found == dict.end()) {
    bad_dict(
        fmt::format("'{}' is missing: expected atten_dim, embed_dim, ffn_embed, heads_num, "
                    "layer_num and maybe slide_wsz",
                    key));
  }
  return *found;
}

std::vector<int32_t> numbers(const json& dict, const char* key, size_t count) {
  const json& list = member(dict, key);
  if (!list.is_array() || list.size() != count) {
    bad_dict(fmt::format("{} must be a list of {} values, one for each kept layer", key, count));
  }
  std::vector<int32_t> values;
  for (const json& value : list) {
    values.push_back(value == "global" ? 0 : number(value, key));
  }
  return values;
}

bool looks_like_key(const std::string& text) { return text.find('=') != std::string::npos; }

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

json parse_json(const std::string& text, const std::string& what) {
  try {
    return json::parse(text);
  } catch (const json::exception& error) {
    throw InputError(fmt::format("{}: not JSON: {}", what, error.what()));
  }
}

}  // namespace

Architecture SearchSpace::from_lighthubert_dict(const std::string& text) const {
  const json dict = parse_json(text, "LightHuBERT's architecture dict");
  const int32_t depth = number(member(dict, "layer_num"), "layer_num");
  const auto count = static_cast<size_t>(depth);
  const std::vector<int32_t> heads = numbers(dict, "heads_num", count);
  const std::vector<int32_t> ffn = numbers(dict, "ffn_embed", count);
  const std::vector<int32_t> widths = numbers(dict, "atten_dim", count);
  const std::vector<int32_t> windows =
      dict.contains("slide_wsz") ? numbers(dict, "slide_wsz", count) : std::vector<int32_t>(count);
  const std::vector<int32_t> kept = kept_layers(depth);
  std::vector<LayerShape> layers;
  for (size_t i = 0; i < count; ++i) {
    if (widths[i] != heads[i] * blueprint_.head_dim) {
      bad_dict(fmt::format("atten_dim[{}] is {}, but {} heads of {} make {}", i, widths[i],
                           heads[i], blueprint_.head_dim, heads[i] * blueprint_.head_dim));
    }
    layers.push_back({kept[i], heads[i], ffn[i], windows[i]});
  }
  return Architecture(storage().largest.conv_channels(),
                      number(member(dict, "embed_dim"), "embed_dim"), largest().frame_period_us(),
                      layers);
}

Architecture SearchSpace::resolve_file(const std::filesystem::path& path) const {
  const std::string text = trimmed(read_text(path));
  if (text.starts_with('@')) {
    throw InputError(fmt::format("{}: expected an architecture, not another file", path.string()));
  }
  if (!text.starts_with('{') && !text.starts_with('"')) return read_architecture(text);
  const json content = parse_json(text, path.string());
  if (content.is_string()) return read_architecture(content.get<std::string>());
  const auto key = content.find("architecture");
  return read_architecture(key != content.end() && key->is_string() ? key->get<std::string>()
                                                                    : text);
}

std::optional<Architecture> SearchSpace::named(const std::string& name) const {
  if (name == "smallest") return smallest();
  if (name == "largest") return largest();
  if (name == "default") return default_architecture();
  if (name == "whole") return whole();
  return std::nullopt;
}

Architecture SearchSpace::read_architecture(const std::string& text) const {
  if (auto found = named(text)) return *found;
  if (text.starts_with('@')) return resolve_file(text.substr(1));
  if (!text.starts_with('{') && !looks_like_key(text)) {
    throw InputError(
        fmt::format("unknown architecture '{}'{}: expected smallest, largest, default, whole, "
                    "a key such as '{}', @file.json or LightHuBERT's dict",
                    text, did_you_mean(text, kNamed), largest().key()));
  }
  Architecture architecture =
      text.starts_with('{')
          ? from_lighthubert_dict(text)
          : Architecture::parse(text, static_cast<int32_t>(blueprint_.wave.layers.size()));
  check_front_end(blueprint_, architecture);
  return architecture;
}

Architecture SearchSpace::resolve(const std::string& text) const {
  Architecture architecture = read_architecture(trimmed(text));
  if (architecture != whole()) check_member(architecture);
  return architecture;
}

Architecture SearchSpace::resolve_covered(const std::string& text) const {
  Architecture architecture = read_architecture(trimmed(text));
  if (const auto found = misfit(blueprint_, storage(), architecture)) {
    throw InputError(fmt::format("architecture '{}': {} cannot be cut from the weights: {}",
                                 architecture.key(), found->value, found->why));
  }
  return architecture;
}

}  // namespace concertina
