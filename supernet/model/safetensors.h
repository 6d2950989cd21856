// safetensors files as tensors. Files are memory-mapped unless a copy is requested;
// supernet/container/safetensors_layout.h checks every size against the file first.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "core/mapped_file.h"
#include "supernet/nn/weights.h"

namespace concertina {

struct SafetensorsFile {
  std::map<std::string, std::string> metadata;
  TensorMap tensors;  // share the file's memory; clone before writing to them
};

// InputError names the byte offset of the problem; SystemError when the file cannot be opened.
SafetensorsFile read_safetensors(const std::filesystem::path& path,
                                 Reading reading = Reading::kMapped);
// `tensor`, called `name` in `file`, as fp32. InputError when its dtype is no floating-point one.
at::Tensor as_floats(const at::Tensor& tensor, const std::string& name,
                     const std::filesystem::path& file);
// Written atomically. Tensors are stored contiguous in name order; the data starts at a
// multiple of 64 bytes.
void write_safetensors(const std::filesystem::path& path, const TensorMap& tensors,
                       const std::map<std::string, std::string>& metadata);

}  // namespace concertina
