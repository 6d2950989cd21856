#include "supernet/model/mapped_tensor.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/errors.h"

namespace concertina {
namespace {

constexpr std::pair<DType, at::ScalarType> kTypes[] = {
    {DType::kF64, at::kDouble},    {DType::kF32, at::kFloat}, {DType::kF16, at::kHalf},
    {DType::kBF16, at::kBFloat16}, {DType::kI64, at::kLong},  {DType::kI32, at::kInt},
    {DType::kI16, at::kShort},     {DType::kI8, at::kChar},   {DType::kU8, at::kByte},
    {DType::kBool, at::kBool}};

}  // namespace

at::ScalarType scalar_type(DType dtype) {
  return std::ranges::find(kTypes, dtype, &std::pair<DType, at::ScalarType>::first)->second;
}

DType dtype_of(at::ScalarType type) {
  const auto* found = std::ranges::find(kTypes, type, &std::pair<DType, at::ScalarType>::second);
  CONCERTINA_ASSERT(found != std::end(kTypes));
  return found->first;
}

at::Tensor map_tensor(const std::shared_ptr<MappedFile>& file, const TensorLayout& layout) {
  const auto options = at::TensorOptions().dtype(scalar_type(layout.dtype));
  if (layout.numel() == 0) return at::empty(layout.sizes, options);
  const std::byte* start = file->bytes().data() + layout.offset;
  if (reinterpret_cast<uintptr_t>(start) % item_size(layout.dtype) != 0) {
    const uint64_t bytes = layout.extent();
    at::Tensor copy = at::empty({static_cast<int64_t>(bytes / item_size(layout.dtype))}, options);
    std::memcpy(copy.data_ptr(), start, bytes);
    return copy.as_strided(layout.sizes, layout.strides);
  }
  // The mapping is private and read-only; from_blob needs a mutable pointer. The deleter keeps the
  // file mapped.
  return at::from_blob(
      const_cast<std::byte*>(start), layout.sizes, layout.strides, [file](void*) {}, options);
}

}  // namespace concertina
