#include "supernet/model/import.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "core/files.h"
#include "supernet/checkpoint/fairseq.h"
#include "supernet/checkpoint/match.h"
#include "supernet/checkpoint/transformers.h"
#include "supernet/container/safetensors_layout.h"
#include "supernet/container/torch_file.h"
#include "supernet/model/mapped_tensor.h"
#include "supernet/model/model_file.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;

fs::path weights_in(const fs::path& folder) {
  for (const char* name : {"model.safetensors", "pytorch_model.bin"}) {
    if (fs::exists(folder / name)) return folder / name;
  }
  const bool parts = fs::exists(folder / "model.safetensors.index.json") ||
                     fs::exists(folder / "pytorch_model.bin.index.json");
  throw InputError(fmt::format(
      "{} has {}", folder.string(),
      parts ? "its weights in several parts, which is not supported: save it as one file"
            : "neither model.safetensors nor pytorch_model.bin"));
}

ForeignModel model_beside(const fs::path& weights) {
  const fs::path config = weights.parent_path() / "config.json";
  const fs::path preprocessor = weights.parent_path() / "preprocessor_config.json";
  if (!fs::exists(config)) {
    throw InputError(fmt::format(
        "{} has tensors but no configuration of its model, and there is no config.json beside it",
        weights.string()));
  }
  return transformers_model(
      Settings::from_json(read_text(config), config.string()),
      fs::exists(preprocessor) ? Settings::from_json(read_text(preprocessor), preprocessor.string())
                               : Settings());
}

struct Found {
  ForeignModel model;
  LayoutMap tensors;
  std::string container;
};

// fairseq's files hold the tensors under "model" and say what they are; a state dict alone does
// not.
Found find_in_torch_file(const TorchFile& file, const fs::path& weights) {
  const PickleValue& root = file.root();
  Found found{.container = file.container()};
  if (const PickleValue* state = root.find("model")) {
    found.tensors = file.tensors(*state);
    if (!found.tensors.empty()) {
      found.model = fairseq_model(Settings::from_pickle(root, weights.string()));
      return found;
    }
  }
  const PickleValue* state = root.find("state_dict");
  found.tensors = file.tensors(state == nullptr ? root : *state);
  if (found.tensors.empty()) {
    throw InputError(
        fmt::format("{} holds no tensors by name: expected a state dict, or one under "
                    "'model'",
                    weights.string()));
  }
  found.model = model_beside(weights);
  return found;
}

TensorMap take_tensors(const TensorPlan& plan, const Found& found,
                       const std::shared_ptr<MappedFile>& file) {
  TensorMap tensors;
  for (const auto& [ours, theirs] : plan.taken) {
    tensors[ours] = map_tensor(file, found.tensors.at(theirs)).to(at::kFloat).contiguous();
  }
  for (const std::string& ours : plan.zeros) {
    CONCERTINA_ASSERT(ours == "mask_emb");
    tensors[ours] = at::zeros({found.model.space.storage().largest.embed_dim()});
  }
  return tensors;
}

Imported import_ours(const fs::path& weights) {
  return {.model = load_model(weights),
          .kind = "Concertina model",
          .container = "safetensors",
          .weights = weights};
}

}  // namespace

Imported import_checkpoint(const fs::path& path) {
  const fs::path weights = fs::is_directory(path) ? weights_in(path) : path;
  const auto file = std::make_shared<MappedFile>(weights);
  const std::string name = weights.string();
  Found found;
  if (is_torch_file(file->bytes())) {
    found = find_in_torch_file(TorchFile(file->bytes(), name), weights);
  } else {
    SafetensorsLayout layout = parse_safetensors(file->bytes(), name);
    if (is_model_metadata(layout.metadata)) return import_ours(weights);
    found = {model_beside(weights), std::move(layout.tensors), "safetensors"};
  }
  TensorPlan plan = match_tensors(found.model, found.tensors, name, file->bytes().size());
  const nlohmann::json provenance = {{"imported_from", weights.filename().string()},
                                     {"kind", found.model.kind},
                                     {"sha256", sha256_file(weights)}};
  return {.model = Supernet(found.model.space, take_tensors(plan, found, file), provenance.dump()),
          .kind = found.model.kind,
          .container = found.container,
          .weights = weights,
          .ignored = std::move(plan.ignored),
          .zeros = std::move(plan.zeros)};
}

}  // namespace concertina
