#include "supernet/space/search_space_yaml.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "supernet/space/search_space_config.h"

namespace concertina {
namespace {

using nlohmann::json;

// On one line; words without quotes.
std::string flow(const json& value) {
  std::string text;
  const auto add = [&](const std::string& item) { text += (text.empty() ? "" : ", ") + item; };
  if (value.is_object()) {
    for (const auto& [key, each] : value.items()) add(key + ": " + flow(each));
    return "{" + text + "}";
  }
  if (value.is_array()) {
    for (const json& each : value) add(flow(each));
    return "[" + text + "]";
  }
  if (!value.is_string()) return value.dump();
  const auto& word = value.get_ref<const std::string&>();
  const bool plain =
      std::ranges::all_of(word, [](char c) { return c == '_' || (c >= 'a' && c <= 'z'); });
  return plain && !word.empty() ? word : value.dump();
}

}  // namespace

std::string yaml_of(const SearchSpace& space) {
  json all = json::parse(json_of(space));
  std::string text = "blueprint:\n";
  for (const auto& [key, value] : all["blueprint"].items())
    text += fmt::format("  {}: {}\n", key, flow(value));
  all.erase("blueprint");
  for (const auto& [key, value] : all.items()) text += fmt::format("{}: {}\n", key, flow(value));
  return text;
}

}  // namespace concertina
