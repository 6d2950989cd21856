// The model in a file of torch.save: packages store tensors and settings under different keys.
#pragma once

#include <optional>
#include <string>

#include "supernet/checkpoint/foreign_model.h"
#include "supernet/container/torch_file.h"

namespace concertina {

struct TorchCheckpoint {
  std::optional<ForeignModel> model;  // none where the file is a state dict alone
  LayoutMap tensors;
};

// fairseq's and LightHuBERT's ("model"), s3prl's copies of them ("model_weight"), DistilHuBERT
// ("Distiller"), OpenAI's Whisper ("model_state_dict"), or a state dict. InputError: no tensors by name, settings that do not fit, or a
// student of another package (named).
TorchCheckpoint read_torch_checkpoint(const TorchFile& file, const std::string& name);

// The tensors of a state dict, or of one under "state_dict"; none where it is neither.
LayoutMap state_dict_of(const TorchFile& file);

}  // namespace concertina
