#include "distill/data/cache_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <system_error>

#include "core/errors.h"
#include "core/files.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr const char* kNote = "targets.json";

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

bool is_set_aside(const fs::path& folder) {
  return folder.filename().string().find(".old") != std::string::npos;
}

// Names of cache files to the stages that read them.
std::map<std::string, std::vector<std::string>> readers(const fs::path& run) {
  std::map<std::string, std::vector<std::string>> found;
  for (const fs::path& stage : entries_of(run)) {
    if (!fs::exists(stage / kNote) || is_set_aside(stage)) continue;
    const Json json = Json::parse(read_text(stage / kNote), nullptr, /*allow_exceptions=*/false);
    if (json.is_object()) found[json.value("file", "")].push_back(stage.filename().string());
  }
  return found;
}

}  // namespace

std::vector<CacheFile> cache_files(const fs::path& run) {
  const auto used = readers(run);
  std::vector<CacheFile> files;
  std::vector<fs::path> folders = {run / "targets"};
  for (const fs::path& stage : entries_of(run)) folders.push_back(stage / "targets");
  for (const fs::path& folder : folders) {
    for (const fs::path& path : entries_of(folder)) {
      const std::string name = path.filename().string();
      const bool complete = name.ends_with(".safetensors");
      if (!name.starts_with("targets-") || (!complete && !name.ends_with(".part"))) continue;
      const auto users = used.find(name);
      files.push_back({path, static_cast<int64_t>(fs::file_size(path)), complete,
                       users == used.end() ? std::vector<std::string>{} : users->second});
    }
  }
  return files;
}

std::vector<CacheFile> unused_cache_files(const fs::path& run) {
  std::vector<CacheFile> files = cache_files(run);
  std::erase_if(files, [](const CacheFile& file) { return !file.used_by.empty(); });
  return files;
}

void remove_cache_file(const CacheFile& file) {
  std::error_code error;
  fs::remove(file.path, error);
  if (error) {
    throw SystemError(fmt::format("cannot remove {}: {}", file.path.string(), error.message()));
  }
  fs::remove(file.path.string() + ".json", error);  // how far a part had come
}

void note_cache_file(const fs::path& stage, const fs::path& file) {
  write_atomically(stage / kNote, Json{{"file", file.filename().string()}}.dump() + "\n");
}

}  // namespace concertina
