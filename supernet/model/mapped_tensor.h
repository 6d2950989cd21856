// Tensors on the memory of a mapped file.
#pragma once

#include <ATen/ATen.h>

#include <memory>

#include "core/mapped_file.h"
#include "supernet/container/tensor_layout.h"

namespace concertina {

at::ScalarType scalar_type(DType dtype);
DType dtype_of(at::ScalarType type);  // logic_error for other types

// The tensor that `layout`, checked against the file, describes. It shares the file's memory and
// keeps it mapped: clone before writing to it. Unaligned elements are copied.
at::Tensor map_tensor(const std::shared_ptr<MappedFile>& file, const TensorLayout& layout);

}  // namespace concertina
