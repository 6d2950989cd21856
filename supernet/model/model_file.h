// Our one model file: safetensors with JSON in its metadata (docs/formats.md).
#pragma once

#include <filesystem>
#include <string>

#include "supernet/model/supernet.h"

namespace concertina {

inline constexpr int32_t kModelFormatVersion = 1;

// InputError: not a model file, truncated, newer format, missing or misshaped tensors (all listed).
Supernet load_model(const std::filesystem::path& path);
void save_model(const Supernet& model, const std::filesystem::path& path);

}  // namespace concertina
