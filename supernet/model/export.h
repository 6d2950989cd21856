// Export of supernets and subnets as checkpoints of other packages.
#pragma once

#include <ATen/ATen.h>

#include <filesystem>

#include "supernet/model/supernet.h"

namespace concertina {

// A folder that transformers' HubertModel (WavLMModel where there is a position bias,
// WhisperEncoder with Whisper's front end, without the mask embedding) loads:
// config.json, preprocessor_config.json, model.safetensors. `matrices`: dtype of matrices and
// convolutions (fp32, bf16, half); the rest stays fp32. InputError lists what the package does not
// support.
void export_transformers(const Supernet& model, const Architecture& architecture,
                         const std::filesystem::path& folder, at::ScalarType matrices = at::kFloat);

// A .pt file as fairseq's: cfg.model, cfg.task and the tensors under "model". The LightHuBERT
// package loads models of HuBERT base's size, a supernet with its space.
void export_fairseq(const Supernet& model, const Architecture& architecture,
                    const std::filesystem::path& path, at::ScalarType matrices = at::kFloat);

}  // namespace concertina
