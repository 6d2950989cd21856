#include "supernet/container/shard_index.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/errors.h"

namespace concertina {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

constexpr size_t kMaxIndexBytes = size_t{16} << 20, kMaxPathBytes = 4096;

[[noreturn]] void reject(const std::string& name, const std::string& what) {
  throw InputError(fmt::format("{} is not a valid index of checkpoint shards: {}", name, what));
}

// Relative, inside the folder and no longer than a path can be.
bool is_in_folder(const std::string& text) {
  if (text.size() > kMaxPathBytes || text.find('\0') != std::string::npos) return false;
  const fs::path path = fs::path(text).lexically_normal();
  return path.has_filename() && path != "." && path.is_relative() && *path.begin() != "..";
}

std::string file_of(const std::string& tensor, const Json& file, const std::string& name) {
  if (!file.is_string()) reject(name, fmt::format("the file of tensor {} is no text", tensor));
  const auto& text = file.get_ref<const std::string&>();
  if (!is_in_folder(text)) {
    reject(name, fmt::format("it has tensor {} in '{}', which is outside its folder", tensor,
                             text.substr(0, 100).c_str()));
  }
  return fs::path(text).lexically_normal().string();
}

}  // namespace

ShardIndex parse_shard_index(std::string_view text, const std::string& name) {
  if (text.size() > kMaxIndexBytes) reject(name, fmt::format("it has {} bytes", text.size()));
  try {
    const Json json = Json::parse(text);
    const auto map = json.is_object() ? json.find("weight_map") : json.end();
    if (map == json.end() || !map->is_object() || map->empty()) {
      reject(name, "it has no weight_map of tensors to files");
    }
    ShardIndex index;
    for (const auto& [tensor, file] : map->items()) {
      index[tensor] = file_of(tensor, file, name);
    }
    return index;
  } catch (const Json::exception& error) {
    reject(name, fmt::format("it cannot be read: {}", error.what()));
  }
}

}  // namespace concertina
