// Pretrained checkpoints of other packages as Supernets: folders of transformers (config.json with
// model.safetensors or pytorch_model.bin, in one file or in shards with an index), .pt files of
// fairseq, LightHuBERT and s3prl (its copies of fairseq's, DistilHuBERT); encoders of Whisper in a
// folder of transformers, OpenAI's .pt or CTranslate2's model.bin.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "supernet/model/supernet.h"

namespace concertina {

struct Imported {
  Supernet model;         // fp32; tensors stored so share the mapped file's memory
  std::string kind;       // "HuBERT", "LightHuBERT small supernet", "Concertina model"
  std::string container;  // "safetensors", "torch.save (zip)", "CTranslate2"
  std::filesystem::path weights;
  std::vector<std::pair<std::string, std::string>> ignored;  // tensor, why
  std::vector<std::string> zeros;                            // absent and unused here
};

// A folder, or a file; a file without a configuration needs a config.json in its folder.
// InputError: damaged (naming the byte), an unknown model, or tensors that do not fit (all of them
// listed). Nothing in a checkpoint is executed.
Imported import_checkpoint(const std::filesystem::path& path);

}  // namespace concertina
