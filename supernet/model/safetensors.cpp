#include "supernet/model/safetensors.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "core/files.h"
#include "supernet/container/safetensors_layout.h"
#include "supernet/model/mapped_tensor.h"

namespace concertina {
namespace {

using Json = nlohmann::json;

constexpr size_t kLengthBytes = 8;
constexpr size_t kAlignment = 64;

}  // namespace

SafetensorsFile read_safetensors(const std::filesystem::path& path, Reading reading) {
  const auto file = std::make_shared<MappedFile>(path, reading);
  SafetensorsLayout layout = parse_safetensors(file->bytes(), path.string());
  SafetensorsFile result{.metadata = std::move(layout.metadata)};
  for (const auto& [name, tensor] : layout.tensors) {
    result.tensors[name] = map_tensor(file, tensor);
  }
  return result;
}

at::Tensor as_floats(const at::Tensor& tensor, const std::string& name,
                     const std::filesystem::path& file) {
  if (!at::isFloatingType(tensor.scalar_type())) {
    throw InputError(fmt::format("{}: tensor {} is of dtype {}, expected F32, F16 or BF16",
                                 file.string(), name, dtype_name(dtype_of(tensor.scalar_type()))));
  }
  return tensor.to(at::kFloat);
}

void write_safetensors(const std::filesystem::path& path, const TensorMap& tensors,
                       const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  size_t offset = 0;
  std::vector<at::Tensor> data;
  for (const auto& [name, tensor] : tensors) {
    data.push_back(tensor.detach().cpu().contiguous());
    const size_t bytes = data.back().nbytes();
    header[name] = {{"dtype", dtype_name(dtype_of(tensor.scalar_type()))},
                    {"shape", tensor.sizes().vec()},
                    {"data_offsets", {offset, offset + bytes}}};
    offset += bytes;
  }
  std::string text = header.dump();
  text.append((kAlignment - (kLengthBytes + text.size()) % kAlignment) % kAlignment, ' ');
  write_atomically(path, [&](std::ostream& out) {
    const uint64_t size = text.size();
    out.write(reinterpret_cast<const char*>(&size), kLengthBytes);
    out.write(text.data(), static_cast<std::streamsize>(text.size()));
    for (const at::Tensor& tensor : data) {
      out.write(static_cast<const char*>(tensor.const_data_ptr()),
                static_cast<std::streamsize>(tensor.nbytes()));
    }
  });
}

}  // namespace concertina
