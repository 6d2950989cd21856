// Position of a stored tensor's elements in its file.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace concertina {

enum class DType { kF64, kF32, kF16, kBF16, kI64, kI32, kI16, kI8, kU8, kBool };

uint64_t item_size(DType dtype);                          // bytes
const char* dtype_name(DType dtype);                      // as in safetensors: "F32"
std::optional<DType> dtype_named(std::string_view name);  // by that name

// Element (i, j, ...) is at byte offset + (i * strides[0] + j * strides[1] + ...) * item_size.
struct TensorLayout {
  DType dtype = DType::kF32;
  std::vector<int64_t> sizes;
  std::vector<int64_t> strides;  // in elements
  uint64_t offset = 0;           // of the first element, from the start of the file

  // Of checked layouts only.
  uint64_t numel() const;
  uint64_t extent() const;  // bytes from the first element to the end of the last
};
using LayoutMap = std::map<std::string, TensorLayout>;

std::vector<int64_t> contiguous_strides(const std::vector<int64_t>& sizes);  // of checked sizes

// Why a layout does not fit into `bytes` bytes from its offset on; "" when it does. More elements
// than the bytes hold (an expanded tensor) do not fit either: a copy of a checked tensor takes no
// more memory than the file.
std::string layout_problem(const TensorLayout& layout, uint64_t bytes);

}  // namespace concertina
