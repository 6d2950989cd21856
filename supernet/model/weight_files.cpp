#include "supernet/model/weight_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/errors.h"
#include "supernet/checkpoint/torch_checkpoint.h"
#include "supernet/container/safetensors_layout.h"
#include "supernet/container/shard_index.h"
#include "supernet/model/mapped_tensor.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kIndex = ".index.json";

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

struct Part {
  std::string container;
  LayoutMap tensors;
};

Part read_part(ByteSpan bytes, const std::string& name) {
  if (!is_torch_file(bytes)) return {"safetensors", parse_safetensors(bytes, name).tensors};
  const TorchFile file(bytes, name);
  return {file.container(), state_dict_of(file)};
}

// Adds the tensors called `wanted` of a file; the names of those that it does not have.
std::vector<std::string> add_file(WeightFiles& all, const fs::path& path,
                                  const std::vector<std::string>& wanted) {
  const auto mapped = std::make_shared<MappedFile>(path);
  Part part = read_part(mapped->bytes(), path.string());
  std::vector<std::string> missing;
  for (const std::string& tensor : wanted) {
    auto found = part.tensors.extract(tensor);
    if (found.empty()) {
      missing.push_back(tensor);
      continue;
    }
    all.file_of[tensor] = all.files.size();
    all.layouts.insert(std::move(found));
  }
  for (const auto& [tensor, layout] : part.tensors) {
    all.left_out.emplace_back(tensor,
                              fmt::format("in {}, but not in the index", path.filename().string()));
  }
  all.container = std::move(part.container);
  all.files.push_back({path, mapped});
  return missing;
}

using TensorsByFile = std::map<std::string, std::vector<std::string>>;

TensorsByFile read_index(const fs::path& path) {
  const MappedFile file(path);
  const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()),
                              file.bytes().size());
  TensorsByFile wanted;
  for (const auto& [tensor, name] : parse_shard_index(text, path.string())) {
    wanted[name].push_back(tensor);
  }
  return wanted;
}

}  // namespace

uint64_t WeightFiles::bytes() const {
  uint64_t sum = 0;
  for (const WeightFile& file : files) sum += file.mapped->bytes().size();
  return sum;
}

at::Tensor WeightFiles::tensor(const std::string& name) const {
  return map_tensor(files[file_of.at(name)].mapped, layouts.at(name));
}

WeightFiles one_file(WeightFile file, LayoutMap layouts, std::string container) {
  WeightFiles all{.container = std::move(container), .layouts = std::move(layouts)};
  all.files.push_back(std::move(file));
  for (const auto& [tensor, layout] : all.layouts) all.file_of[tensor] = 0;
  return all;
}

fs::path weights_in(const fs::path& folder) {
  for (const std::string name : {"model.safetensors", "pytorch_model.bin"}) {
    if (is_there(folder / name)) return folder / name;
    if (is_there(folder / (name + std::string(kIndex))))
      return folder / (name + std::string(kIndex));
  }
  if (is_there(folder / "model.bin")) return folder / "model.bin";
  throw InputError(
      fmt::format("{} has neither model.safetensors nor pytorch_model.bin, in one file "
                  "or in several with an index, nor CTranslate2's model.bin",
                  folder.string()));
}

bool is_shard_index(const fs::path& path) { return path.string().ends_with(kIndex); }

WeightFiles read_shards(const fs::path& index) {
  const TensorsByFile wanted = read_index(index);
  const fs::path folder = index.parent_path();
  std::vector<std::string> absent, incomplete;
  for (const auto& [name, tensors] : wanted) {
    if (!is_there(folder / name)) absent.push_back(name);
  }
  if (!absent.empty()) {
    throw InputError(
        fmt::format("{} names missing files: {}", index.string(), fmt::join(absent, ", ")));
  }
  WeightFiles all;
  for (const auto& [name, tensors] : wanted) {
    const std::vector<std::string> missing = add_file(all, folder / name, tensors);
    if (!missing.empty()) {
      incomplete.push_back(fmt::format("{} has no {}", name, fmt::join(missing, ", ")));
    }
  }
  if (!incomplete.empty()) {
    throw InputError(fmt::format("{} names tensors that its files do not have: {}", index.string(),
                                 fmt::join(incomplete, "; ")));
  }
  all.container += fmt::format(", {} file{}", all.files.size(), all.files.size() > 1 ? "s" : "");
  return all;
}

}  // namespace concertina
