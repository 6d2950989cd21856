#include "supernet/model/import.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "core/files.h"
#include "core/hash.h"
#include "core/mapped_file.h"
#include "supernet/checkpoint/match.h"
#include "supernet/checkpoint/torch_checkpoint.h"
#include "supernet/checkpoint/transformers.h"
#include "supernet/checkpoint/whisper.h"
#include "supernet/container/ctranslate2_file.h"
#include "supernet/container/safetensors_layout.h"
#include "supernet/model/foreign_space.h"
#include "supernet/model/model_file.h"
#include "supernet/model/unit_head.h"
#include "supernet/model/weight_files.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;

constexpr double kHubertTemperature =
    0.1;  // of all of fairseq's models; files of transformers lack it

ForeignModel model_of_config_next_to(const fs::path& weights) {
  const fs::path config = weights.parent_path() / "config.json";
  const fs::path preprocessor = weights.parent_path() / "preprocessor_config.json";
  if (!fs::exists(config)) {
    throw InputError(fmt::format(
        "{} has tensors but no configuration of its model, and there is no config.json next to it",
        weights.string()));
  }
  return transformers_model(
      Settings::from_json(read_text(config), config.string()),
      fs::exists(preprocessor) ? Settings::from_json(read_text(preprocessor), preprocessor.string())
                               : Settings());
}

struct Found {
  ForeignModel model;
  WeightFiles weights;
};

Found find_in_torch_file(const WeightFile& weights) {
  const TorchFile file(weights.mapped->bytes(), weights.path.string());
  TorchCheckpoint checkpoint = read_torch_checkpoint(file, weights.path.string());
  return {checkpoint.model ? std::move(*checkpoint.model) : model_of_config_next_to(weights.path),
          one_file(weights, std::move(checkpoint.tensors), file.container())};
}

Found find_in_ctranslate2_file(const WeightFile& weights) {
  CTranslate2Checkpoint checkpoint =
      read_ctranslate2(weights.mapped->bytes(), weights.path.string());
  return {std::move(checkpoint.model),
          one_file(weights, std::move(checkpoint.tensors), "CTranslate2")};
}

TensorMap take_tensors(const TensorPlan& plan, const Found& found) {
  TensorMap tensors;
  for (const auto& [ours, theirs] : plan.taken) {
    tensors[ours] = found.weights.tensor(theirs).to(at::kFloat).contiguous();
  }
  if (tensors.contains(kUnitHeadCodewords))
    tensors[kUnitHeadTemperature] = at::full({1}, kHubertTemperature);
  for (const std::string& ours : plan.zeros) {  // the mask embedding, which inference never reads
    tensors[ours] = at::zeros({found.model.storage.shape.embed_dim()});
  }
  return tensors;
}

std::string provenance_of(const Found& found, const fs::path& path) {
  nlohmann::json json = {{"imported_from", path.filename().string()},
                         {"kind", found.model.kind},
                         {"sha256", sha256_file(path)}};
  for (const WeightFile& file : found.weights.files) {
    if (file.path != path) json["parts"][file.path.filename().string()] = sha256_file(file.path);
  }
  return json.dump();
}

bool is_named_safetensors(const fs::path& path) { return path.extension() == ".safetensors"; }

// Eight bytes of length, then the JSON header.
bool begins_as_safetensors(ByteSpan bytes) {
  return bytes.size() > 8 && static_cast<char>(bytes[8]) == '{';
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
  Found found;
  if (is_shard_index(weights)) {
    found = {model_of_config_next_to(weights), read_shards(weights)};
  } else {
    const WeightFile file{weights, std::make_shared<MappedFile>(weights)};
    if (is_torch_file(file.mapped->bytes())) {
      found = find_in_torch_file(file);
    } else if (is_ctranslate2_file(file.mapped->bytes())) {
      found = find_in_ctranslate2_file(file);
    } else {
      if (!is_named_safetensors(weights) && !begins_as_safetensors(file.mapped->bytes())) {
        throw InputError(
            fmt::format("{} is neither a file of torch.save nor a safetensors file, nor one of "
                        "CTranslate2: it may be damaged, or of another kind",
                        weights.string()));
      }
      SafetensorsLayout layout = parse_safetensors(file.mapped->bytes(), weights.string());
      if (is_model_metadata(layout.metadata)) return import_ours(weights);
      found = {model_of_config_next_to(weights),
               one_file(file, std::move(layout.tensors), "safetensors")};
    }
  }
  TensorPlan plan =
      match_tensors(found.model, found.weights.layouts, weights.string(), found.weights.bytes());
  Imported imported{.model = Supernet(space_of(found.model), take_tensors(plan, found),
                                      provenance_of(found, weights)),
                    .kind = found.model.kind,
                    .container = found.weights.container,
                    .weights = weights,
                    .ignored = std::move(plan.ignored),
                    .zeros = std::move(plan.zeros)};
  const auto& left_out = found.weights.left_out;
  imported.ignored.insert(imported.ignored.end(), left_out.begin(), left_out.end());
  return imported;
}

}  // namespace concertina
