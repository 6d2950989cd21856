#include "supernet/container/tensor_layout.h"

#include <fmt/format.h>

namespace concertina {
namespace {

struct DTypeEntry {
  DType dtype;
  const char* name;
  uint64_t bytes;
};
constexpr DTypeEntry kDTypes[] = {{DType::kF64, "F64", 8}, {DType::kF32, "F32", 4},
                                  {DType::kF16, "F16", 2}, {DType::kBF16, "BF16", 2},
                                  {DType::kI64, "I64", 8}, {DType::kI32, "I32", 4},
                                  {DType::kI16, "I16", 2}, {DType::kI8, "I8", 1},
                                  {DType::kU8, "U8", 1},   {DType::kBool, "BOOL", 1}};
constexpr size_t kMaxDimensions = 16;

const DTypeEntry& entry(DType dtype) { return kDTypes[static_cast<size_t>(dtype)]; }

}  // namespace

uint64_t item_size(DType dtype) { return entry(dtype).bytes; }
const char* dtype_name(DType dtype) { return entry(dtype).name; }

std::optional<DType> dtype_named(std::string_view name) {
  for (const DTypeEntry& known : kDTypes) {
    if (name == known.name) return known.dtype;
  }
  return std::nullopt;
}

uint64_t TensorLayout::numel() const {
  uint64_t count = 1;
  for (const int64_t size : sizes) count *= static_cast<uint64_t>(size);
  return count;
}

uint64_t TensorLayout::extent() const {
  if (numel() == 0) return 0;
  uint64_t last = 0;
  for (size_t d = 0; d < sizes.size(); ++d) {
    last += static_cast<uint64_t>(sizes[d] - 1) * static_cast<uint64_t>(strides[d]);
  }
  return (last + 1) * item_size(dtype);
}

std::vector<int64_t> contiguous_strides(const std::vector<int64_t>& sizes) {
  std::vector<int64_t> strides(sizes.size());
  int64_t stride = 1;
  for (size_t d = sizes.size(); d-- > 0;) {
    strides[d] = stride;
    stride *= sizes[d];
  }
  return strides;
}

std::string layout_problem(const TensorLayout& layout, uint64_t bytes) {
  if (layout.sizes.size() > kMaxDimensions) return "it has too many dimensions";
  if (layout.sizes.size() != layout.strides.size()) return "its sizes and strides do not match";
  bool empty = false;
  for (size_t d = 0; d < layout.sizes.size(); ++d) {
    if (layout.sizes[d] < 0) return "it has a negative size";
    if (layout.strides[d] < 0) return "it has a negative stride";
    empty = empty || layout.sizes[d] == 0;
  }
  if (empty) return "";
  const uint64_t items = bytes / item_size(layout.dtype);
  const std::string too_large =
      fmt::format("it is larger than the {} bytes stored for it; the file may be truncated", bytes);
  if (items == 0) return too_large;
  uint64_t count = 1, last = 0;
  for (size_t d = 0; d < layout.sizes.size(); ++d) {
    const auto size = static_cast<uint64_t>(layout.sizes[d]);
    const auto stride = static_cast<uint64_t>(layout.strides[d]);
    if (size > items / count) return too_large;
    count *= size;
    if (stride != 0 && size - 1 > (items - 1 - last) / stride) return too_large;
    last += (size - 1) * stride;
  }
  return "";
}

}  // namespace concertina
