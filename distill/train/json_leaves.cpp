#include "distill/train/json_leaves.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

namespace concertina {
namespace {

constexpr size_t kMaxParts = 8, kMaxCharacters = 60;

void collect(const nlohmann::json& json, const std::string& prefix, JsonLeaves& leaves) {
  if (!json.is_object() || json.empty()) {
    leaves[prefix] = json.dump();
    return;
  }
  for (const auto& [key, value] : json.items()) {
    collect(value, prefix.empty() ? key : fmt::format("{}.{}", prefix, key), leaves);
  }
}

}  // namespace

JsonLeaves json_leaves(const std::string& text) {
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return {{"config", text}};
  JsonLeaves leaves;
  collect(json, "", leaves);
  return leaves;
}

const std::string& leaf(const JsonLeaves& leaves, const std::string& key) {
  static const std::string nothing = "nothing";
  const auto found = leaves.find(key);
  return found == leaves.end() ? nothing : found->second;
}

std::set<std::string> keys_of(const std::vector<JsonLeaves>& all) {
  std::set<std::string> keys;
  for (const JsonLeaves& leaves : all) {
    for (const auto& [key, value] : leaves) keys.insert(key);
  }
  return keys;
}

std::string shortened(const std::string& value) {
  return value.size() <= kMaxCharacters ? value
                                        : fmt::format("{}...", value.substr(0, kMaxCharacters));
}

std::string joined(std::vector<std::string> parts, const char* separator) {
  const size_t count = parts.size();
  if (count > kMaxParts) {
    parts.resize(kMaxParts);
    parts.push_back(fmt::format("and {} more", count - kMaxParts));
  }
  return fmt::format("{}", fmt::join(parts, separator));
}

}  // namespace concertina
