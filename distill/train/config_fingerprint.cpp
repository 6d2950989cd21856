#include "distill/train/config_fingerprint.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>

#include "core/errors.h"
#include "core/hash.h"
#include "supernet/model/unit_head.h"
#include "supernet/space/search_space_config.h"

namespace concertina {
namespace {

using Json = nlohmann::ordered_json;

// Replaces a member by what `complete` makes of its JSON, if it can be read.
template <class Complete>
void complete_member(Json& json, const std::string& key, const Complete& complete) {
  if (!json.contains(key)) return;
  try {
    json[key] = Json::parse(complete(json[key].dump()));
  } catch (const InputError&) {  // then it is compared as it is
  }
}

std::string tensors_sha256(const TensorMap& tensors) {
  std::string digests;
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor plain = tensor.to(at::kCPU).contiguous();
    const std::string_view bytes(static_cast<const char*>(plain.const_data_ptr()), plain.nbytes());
    digests += fmt::format("{} {}\n", name, sha256(bytes));
  }
  return sha256(digests);
}

}  // namespace

std::string to_json(const ConfigFingerprint& fingerprint) {
  Json json;
  json["seed"] = fingerprint.seed;
  json["dtype"] = fingerprint.dtype;
  json["data"] = fingerprint.data;
  json["inputs"] = fingerprint.inputs;
  json[fingerprint.name] = Json::parse(fingerprint.options);
  json["space"] = Json::parse(fingerprint.space);
  return json.dump();
}

std::string completed_json(const std::string& stored, const ConfigFingerprint& fingerprint) {
  Json json = Json::parse(stored, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return stored;
  if (fingerprint.completed_options) {
    complete_member(json, fingerprint.name, fingerprint.completed_options);
  }
  complete_member(json, "space",
                  [](const std::string& space) { return json_of(search_space_from_json(space)); });
  return json.dump();
}

std::string provenance_json(const std::string& fingerprint, int64_t steps_done) {
  Json json = Json::parse(fingerprint);
  json["steps_done"] = steps_done;
  return json.dump();
}

std::map<std::string, std::string> noise_input(
    const std::shared_ptr<const Augmentation>& augmentation) {
  const std::string noise = augmentation ? augmentation->noise_fingerprint() : "";
  if (noise.empty()) return {};
  return {{"noise", noise}};
}

std::string weights_sha256(const Supernet& model) {
  TensorMap weights = model.weights();
  std::erase_if(weights, [](const auto& item) { return is_of_unit_head(item.first); });
  return tensors_sha256(weights);
}

std::string unit_head_sha256(const Supernet& model) {
  return tensors_sha256(unit_head_of(model.weights()));
}

}  // namespace concertina
