#include "supernet/model/model_file.h"

#include <fmt/format.h>

#include "core/errors.h"
#include "supernet/model/safetensors.h"

namespace concertina {
namespace {

constexpr const char* kVersionKey = "concertina.format_version";
constexpr const char* kSpaceKey = "concertina.space";
constexpr const char* kStorageKey = "concertina.storage";
constexpr const char* kProvenanceKey = "concertina.provenance";

}  // namespace

Supernet load_model(const std::filesystem::path& path) {
  SafetensorsFile file = read_safetensors(path);
  const auto version = file.metadata.find(kVersionKey);
  const auto space = file.metadata.find(kSpaceKey);
  if (version == file.metadata.end() || space == file.metadata.end()) {
    throw InputError(
        fmt::format("{} is a safetensors file but not a Concertina model: its metadata has no '{}'",
                    path.string(), kSpaceKey));
  }
  if (std::atoi(version->second.c_str()) > kModelFormatVersion) {
    throw InputError(fmt::format(
        "{} has model format version {}, this program reads up to {}: update Concertina",
        path.string(), version->second, kModelFormatVersion));
  }
  for (auto& [name, tensor] : file.tensors) tensor = tensor.to(at::kFloat);
  try {
    return Supernet(SearchSpace::from_json(space->second), std::move(file.tensors),
                    file.metadata[kProvenanceKey]);
  } catch (const InputError& error) {
    throw InputError(fmt::format("{}: {}", path.string(), error.what()));
  }
}

void save_model(const Supernet& model, const std::filesystem::path& path) {
  write_safetensors(path, model.weights(),
                    {{"format", "pt"},
                     {kVersionKey, std::to_string(kModelFormatVersion)},
                     {kSpaceKey, model.space().to_json()},
                     {kStorageKey, model.storage().largest.key()},
                     {kProvenanceKey, model.provenance()}});
}

}  // namespace concertina
