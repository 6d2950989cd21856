#include "supernet/space/resolve.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "core/errors.h"
#include "core/files.h"
#include "supernet/space/lighthubert_dict.h"
#include "supernet/space/violations.h"

namespace concertina {
namespace {

using nlohmann::json;

const std::vector<std::string> kNames = {"smallest", "largest", "default", "whole"};

std::optional<Architecture> named(const SearchSpace& space, const std::string& name) {
  if (name == "smallest") return space.smallest();
  if (name == "largest") return space.largest();
  if (name == "default") return space.default_architecture();
  if (name == "whole") return space.whole();
  return std::nullopt;
}

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

std::string read_file(const std::filesystem::path& path) {
  std::string text = trimmed(read_text(path));
  if (text.starts_with('@')) {
    throw InputError(fmt::format("{}: expected an architecture, not another file", path.string()));
  }
  if (!text.starts_with('{') && !text.starts_with('"')) return text;
  try {
    const json content = json::parse(text);
    if (content.is_string()) return content.get<std::string>();
    const auto key = content.find("architecture");
    return key != content.end() && key->is_string() ? key->get<std::string>() : text;
  } catch (const json::exception& error) {
    throw InputError(fmt::format("{}: not JSON: {}", path.string(), error.what()));
  }
}

Architecture parsed(const SearchSpace& space, const std::string& text) {
  if (auto found = named(space, text)) return *found;
  if (text.starts_with('{')) return architecture_from_lighthubert(space, text);
  if (text.find('=') != std::string::npos) {
    return architecture_from_key(space.blueprint(), text);
  }
  throw InputError(
      fmt::format("unknown architecture '{}'{}: expected smallest, largest, default, whole, "
                  "a key such as '{}', @file.json or LightHuBERT's dict",
                  text, did_you_mean(text, kNames), space.largest().key()));
}

}  // namespace

Architecture architecture_from_key(const Blueprint& blueprint, std::string_view key) {
  return Architecture::parse(key, static_cast<int32_t>(blueprint.wave.layers.size()));
}

Architecture resolve_architecture(const SearchSpace& space, const std::string& text,
                                  Accept accept) {
  std::string given = trimmed(text);
  if (given.starts_with('@')) given = read_file(given.substr(1));
  Architecture architecture = parsed(space, given);
  check_fit(space.blueprint(), architecture);
  if (accept == Accept::kSliceable) {
    check_fit(space.blueprint(), space.storage(), architecture);
  } else if (architecture != space.whole()) {
    check_fit(space, architecture);
  }
  return architecture;
}

}  // namespace concertina
