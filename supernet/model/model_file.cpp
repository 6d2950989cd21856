#include "supernet/model/model_file.h"

#include <fmt/format.h>

#include <charconv>
#include <system_error>

#include "core/errors.h"
#include "supernet/container/torch_file.h"
#include "supernet/model/safetensors.h"
#include "supernet/space/search_space_config.h"

namespace concertina {
namespace {

constexpr const char* kVersionKey = "concertina.format_version";
constexpr const char* kSpaceKey = "concertina.space";
constexpr const char* kStorageKey = "concertina.storage";
constexpr const char* kProvenanceKey = "concertina.provenance";

[[noreturn]] void foreign(const std::filesystem::path& path, const std::string& what) {
  throw InputError(fmt::format("{} {}, not a Concertina model: `concertina model import` makes one",
                               path.string(), what));
}

void check_version(const std::string& text, const std::filesystem::path& path) {
  int32_t version = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, version);
  if (error != std::errc{} || stop != end || version < 1) {
    throw InputError(fmt::format("{}: its '{}' is '{}', expected a number from 1 to {}",
                                 path.string(), kVersionKey, text.substr(0, 20),
                                 kModelFormatVersion));
  }
  if (version > kModelFormatVersion) {
    throw InputError(fmt::format(
        "{} has model format version {}, this program reads up to {}: update Concertina",
        path.string(), version, kModelFormatVersion));
  }
}

// The stored shape is in the space and in a field of its own, for readers without a space.
void check_storage(const std::string& text, const Supernet& model) {
  const std::string largest = model.storage().shape.key();
  if (text == largest) return;
  throw InputError(fmt::format("its '{}' is '{}', but its space stores '{}'", kStorageKey,
                               text.substr(0, 200), largest));
}

}  // namespace

Supernet load_model(const std::filesystem::path& path, Reading reading) {
  if (is_torch_file(MappedFile(path).bytes())) foreign(path, "is a file of torch.save");
  SafetensorsFile file = read_safetensors(path, reading);
  const auto version = file.metadata.find(kVersionKey);
  const auto space = file.metadata.find(kSpaceKey);
  if (version == file.metadata.end() || space == file.metadata.end()) {
    foreign(path, fmt::format("is a safetensors file whose metadata has no '{}'", kSpaceKey));
  }
  check_version(version->second, path);
  for (auto& [name, tensor] : file.tensors) tensor = as_floats(tensor, name, path);
  try {
    Supernet model(search_space_from_json(space->second), std::move(file.tensors),
                   file.metadata[kProvenanceKey]);
    check_storage(file.metadata[kStorageKey], model);
    return model;
  } catch (const InputError& error) {
    throw InputError(fmt::format("{}: {}", path.string(), error.what()));
  }
}

TensorMap with_matrices_as(const Supernet& model, TensorMap tensors, at::ScalarType matrices) {
  const Storage& storage = model.storage();
  for (const TensorSlice& slice : tensor_slices(model.blueprint(), storage, storage.shape)) {
    const auto found = tensors.find(slice.name);
    if (slice.low_precision && found != tensors.end()) found->second = found->second.to(matrices);
  }
  return tensors;
}

bool is_model_metadata(const std::map<std::string, std::string>& metadata) {
  return metadata.contains(kSpaceKey);
}

void save_model(const Supernet& model, const std::filesystem::path& path, at::ScalarType matrices) {
  write_safetensors(path, with_matrices_as(model, model.weights(), matrices),
                    {{"format", "pt"},
                     {kVersionKey, std::to_string(kModelFormatVersion)},
                     {kSpaceKey, json_of(model.space())},
                     {kStorageKey, model.storage().shape.key()},
                     {kProvenanceKey, model.provenance()}});
}

}  // namespace concertina
