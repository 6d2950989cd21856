// Writes NumPy's .npy, version 1.0.
#pragma once

#include <ATen/ATen.h>

#include <filesystem>

namespace concertina {

// A float32 tensor of any rank, C order; written to a temporary file and renamed.
void write_npy(const std::filesystem::path& path, const at::Tensor& tensor);

}  // namespace concertina
