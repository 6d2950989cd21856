// Concertina's model file: safetensors with JSON in its metadata (docs/formats.md).
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "core/mapped_file.h"
#include "supernet/model/supernet.h"

namespace concertina {

inline constexpr int32_t kModelFormatVersion = 1;

// InputError: not a model file, truncated, newer format, missing or misshaped tensors (all listed).
// Map weights for short use only: when the file is overwritten, mapped tensors change or the
// process fails.
Supernet load_model(const std::filesystem::path& path, Reading reading = Reading::kMapped);
// `matrices`: dtype in which matrices and convolutions are stored (fp32, bf16, half); norms, biases
// and the rest stay fp32. They are read as fp32.
void save_model(const Supernet& model, const std::filesystem::path& path,
                at::ScalarType matrices = at::kFloat);

// Whether a safetensors file with this metadata is a model file.
bool is_model_metadata(const std::map<std::string, std::string>& metadata);
// `tensors` are named like those of `model`; its matrices and convolutions become `matrices`.
TensorMap with_matrices_as(const Supernet& model, TensorMap tensors, at::ScalarType matrices);

}  // namespace concertina
