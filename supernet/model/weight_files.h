// The tensors of a pretrained checkpoint and its mapped files: one file, or shards with an index.
#pragma once

#include <ATen/ATen.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/mapped_file.h"
#include "supernet/container/tensor_layout.h"

namespace concertina {

struct WeightFile {
  std::filesystem::path path;
  std::shared_ptr<MappedFile> mapped;
};

struct WeightFiles {
  std::string container;  // "safetensors", "torch.save (zip), 3 files"
  std::vector<WeightFile> files;
  LayoutMap layouts;                      // of all tensors, checked against their files
  std::map<std::string, size_t> file_of;  // a tensor's index in files
  std::vector<std::pair<std::string, std::string>> left_out;  // tensor, why

  uint64_t bytes() const;                            // of all files
  at::Tensor tensor(const std::string& name) const;  // shares its file's memory, see map_tensor
};

WeightFiles one_file(WeightFile file, LayoutMap layouts, std::string container);

// The weights of a folder: model.safetensors, pytorch_model.bin or their .index.json, the first
// that exists in transformers' order; CTranslate2's model.bin. InputError when none does.
std::filesystem::path weights_in(const std::filesystem::path& folder);

bool is_shard_index(const std::filesystem::path& path);  // by its name
// The tensors that the index names, from the files in its folder; a file's other tensors are left
// out. InputError: a missing or damaged file, tensors that their file does not have.
WeightFiles read_shards(const std::filesystem::path& index);

}  // namespace concertina
