#include "supernet/model/safetensors.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "core/files.h"

namespace concertina {
namespace {

using Json = nlohmann::json;
static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian");

constexpr size_t kLengthBytes = 8;
constexpr size_t kAlignment = 64;

struct DType {
  const char* name;
  at::ScalarType type;
};
constexpr DType kDTypes[] = {{"F64", at::kDouble},    {"F32", at::kFloat}, {"F16", at::kHalf},
                             {"BF16", at::kBFloat16}, {"I64", at::kLong},  {"I32", at::kInt},
                             {"I16", at::kShort},     {"I8", at::kChar},   {"U8", at::kByte},
                             {"BOOL", at::kBool}};

[[noreturn]] void bad(const std::filesystem::path& path, const std::string& what) {
  throw InputError(fmt::format("{} is not a valid safetensors file: {}", path.string(), what));
}

at::ScalarType scalar_type(const std::string& name, const std::string& tensor,
                           const std::filesystem::path& path) {
  for (const DType& dtype : kDTypes) {
    if (name == dtype.name) return dtype.type;
  }
  bad(path, fmt::format("tensor {} has unknown dtype '{}'", tensor, name));
}

const char* dtype_name(at::ScalarType type) {
  for (const DType& dtype : kDTypes) {
    if (type == dtype.type) return dtype.name;
  }
  throw std::logic_error("dtype has no safetensors name");
}

// Product of the shape times the item size, checked against `limit` step by step so that it cannot
// overflow.
size_t checked_bytes(const std::vector<int64_t>& shape, size_t item, size_t limit,
                     const std::string& name, const std::filesystem::path& path) {
  size_t bytes = item;
  for (int64_t size : shape) {
    if (size < 0) bad(path, fmt::format("tensor {} has a negative size", name));
    if (size == 0) return 0;
    if (bytes > limit / static_cast<size_t>(size))
      bad(path, fmt::format("tensor {} is larger than the file", name));
    bytes *= static_cast<size_t>(size);
  }
  return bytes;
}

at::Tensor map_tensor(const std::string& name, const Json& entry,
                      const std::shared_ptr<MappedFile>& file, size_t data,
                      const std::filesystem::path& path) {
  const auto shape = entry.at("shape").get<std::vector<int64_t>>();
  const auto offsets = entry.at("data_offsets").get<std::vector<uint64_t>>();
  const auto type = scalar_type(entry.at("dtype").get<std::string>(), name, path);
  const size_t available = file->bytes().size() - data;
  if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > available) {
    bad(path,
        fmt::format("tensor {} lies outside the file ({} data bytes); the file may be truncated",
                    name, available));
  }
  const size_t bytes = checked_bytes(shape, c10::elementSize(type), available, name, path);
  if (bytes != offsets[1] - offsets[0]) {
    bad(path, fmt::format("tensor {} has {} bytes at byte {}, its shape needs {}", name,
                          offsets[1] - offsets[0], data + offsets[0], bytes));
  }
  const std::byte* start = file->bytes().data() + data + offsets[0];
  if (reinterpret_cast<uintptr_t>(start) % c10::elementSize(type) !=
      0) {  // legal, but not to be read in place
    at::Tensor copy = at::empty(shape, type);
    std::memcpy(copy.data_ptr(), start, bytes);
    return copy;
  }
  // The mapping is private and read-only; from_blob wants a mutable pointer. The deleter keeps the
  // file mapped.
  return at::from_blob(
      const_cast<std::byte*>(start), shape, [file](void*) {}, at::TensorOptions().dtype(type));
}

}  // namespace

SafetensorsFile read_safetensors(const std::filesystem::path& path) {
  auto file = std::make_shared<MappedFile>(path);
  const auto bytes = file->bytes();
  if (bytes.size() < kLengthBytes)
    bad(path, fmt::format("it has {} bytes, the header length alone takes 8", bytes.size()));
  uint64_t header_size = 0;
  std::memcpy(&header_size, bytes.data(), kLengthBytes);
  if (header_size > bytes.size() - kLengthBytes) {
    bad(path, fmt::format("its header of {} bytes does not fit the file of {} bytes", header_size,
                          bytes.size()));
  }
  const char* text = reinterpret_cast<const char*>(bytes.data()) + kLengthBytes;
  SafetensorsFile result;
  try {
    const Json header = Json::parse(text, text + header_size);
    if (!header.is_object()) bad(path, "its header is not a JSON object");
    for (const auto& [name, entry] : header.items()) {
      if (name == "__metadata__") {
        result.metadata = entry.get<std::map<std::string, std::string>>();
      } else {
        result.tensors[name] = map_tensor(name, entry, file, kLengthBytes + header_size, path);
      }
    }
  } catch (const Json::exception& error) {
    bad(path, fmt::format("its header (at byte 8) cannot be read: {}", error.what()));
  }
  return result;
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
    header[name] = {{"dtype", dtype_name(tensor.scalar_type())},
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
