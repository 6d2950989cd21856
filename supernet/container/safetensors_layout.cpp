#include "supernet/container/safetensors_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/errors.h"

namespace concertina {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = uint64_t{16} << 20;

[[noreturn]] void fail(const std::string& name, const std::string& what) {
  throw InputError(fmt::format("{} is not a valid safetensors file: {}", name, what));
}

TensorLayout tensor_layout(const std::string& tensor, const Json& entry, uint64_t data,
                           uint64_t available, const std::string& name) {
  const auto type = entry.at("dtype").get<std::string>();
  const auto dtype = dtype_named(type);
  if (!dtype) fail(name, fmt::format("tensor {} has unknown dtype '{}'", tensor, type));
  const auto offsets = entry.at("data_offsets").get<std::vector<uint64_t>>();
  if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > available) {
    fail(name,
         fmt::format("tensor {} lies outside the file ({} data bytes); the file may be truncated",
                     tensor, available));
  }
  TensorLayout layout{*dtype, entry.at("shape").get<std::vector<int64_t>>(), {}, data + offsets[0]};
  layout.strides.assign(layout.sizes.size(), 0);  // until the sizes are checked
  const uint64_t bytes = offsets[1] - offsets[0];
  const std::string problem = layout_problem(layout, bytes);
  if (!problem.empty()) {
    fail(name, fmt::format("tensor {} at byte {}: {}", tensor, layout.offset, problem));
  }
  const uint64_t needed = layout.numel() * item_size(*dtype);
  if (needed != bytes) {
    fail(name, fmt::format("tensor {} has {} bytes at byte {}, its shape needs {}", tensor, bytes,
                           layout.offset, needed));
  }
  layout.strides = contiguous_strides(layout.sizes);
  return layout;
}

// As the format requires: tensors fill the data without gaps or overlaps.
void check_order(const LayoutMap& tensors, uint64_t data, uint64_t end, const std::string& name) {
  const auto bytes_of = [](const LayoutMap::value_type* tensor) {
    return tensor->second.numel() * item_size(tensor->second.dtype);
  };
  std::vector<const LayoutMap::value_type*> in_order;
  for (const auto& tensor : tensors) in_order.push_back(&tensor);
  std::ranges::sort(in_order, {}, [&](const LayoutMap::value_type* tensor) {
    return std::pair(tensor->second.offset, bytes_of(tensor));
  });
  uint64_t at = data;
  for (const auto* tensor : in_order) {
    const uint64_t offset = tensor->second.offset;
    if (offset < at) {
      fail(name, fmt::format("tensor {} at byte {} overlaps the tensor before it", tensor->first,
                             offset));
    }
    if (offset > at) fail(name, fmt::format("bytes {} to {} belong to no tensor", at, offset));
    at += bytes_of(tensor);
  }
  if (at != end) fail(name, fmt::format("bytes {} to {} belong to no tensor", at, end));
}

}  // namespace

SafetensorsLayout parse_safetensors(ByteSpan bytes, const std::string& name) {
  if (bytes.size() < kLengthBytes) {
    fail(name, fmt::format("it has {} bytes, the header length alone takes 8", bytes.size()));
  }
  uint64_t header_size = 0;
  std::memcpy(&header_size, bytes.data(), kLengthBytes);
  const uint64_t available = bytes.size() - kLengthBytes;
  if (header_size > available) {
    fail(name, fmt::format("its header of {} bytes does not fit the file of {} bytes", header_size,
                           bytes.size()));
  }
  if (header_size > kMaxHeaderBytes) {
    fail(name,
         fmt::format("its header of {} bytes is longer than {}", header_size, kMaxHeaderBytes));
  }
  const char* text = reinterpret_cast<const char*>(bytes.data()) + kLengthBytes;
  SafetensorsLayout result;
  try {
    const Json header = Json::parse(text, text + header_size);
    if (!header.is_object()) fail(name, "its header is not a JSON object");
    for (const auto& [key, entry] : header.items()) {
      if (key == "__metadata__") {
        result.metadata = entry.get<std::map<std::string, std::string>>();
      } else {
        result.tensors[key] =
            tensor_layout(key, entry, kLengthBytes + header_size, available - header_size, name);
      }
    }
  } catch (const Json::exception& error) {
    fail(name, fmt::format("its header (at byte 8) cannot be read: {}", error.what()));
  }
  check_order(result.tensors, kLengthBytes + header_size, bytes.size(), name);
  return result;
}

}  // namespace concertina
