#include "distill/objective/objective_file.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "core/mapped_file.h"
#include "distill/objective/layer_mean.h"
#include "distill/objective/masked_units.h"
#include "supernet/model/safetensors.h"

namespace concertina {
namespace {

using Json = nlohmann::json;

LayerMeanSpec layer_mean_spec(const Json& json) {
  LayerMeanSpec spec;
  spec.top = json.at("top").get<int32_t>();
  spec.distance = enum_from_name<Distance>("distance", json.at("distance").get<std::string>());
  spec.instance_norm = json.at("instance_norm").get<bool>();
  spec.teacher_depth = json.at("teacher_depth").get<int32_t>();
  spec.teacher_dim = json.at("teacher_dim").get<int32_t>();
  spec.student_dim = json.at("student_dim").get<int32_t>();
  return spec;
}

MaskedUnitsSpec masked_units_spec(const Json& json) {
  MaskedUnitsSpec spec;
  spec.layers = json.at("layers").get<std::vector<int32_t>>();
  spec.depth = json.at("depth").get<int32_t>();
  spec.clusters = json.at("clusters").get<int32_t>();
  spec.model_dim = json.at("model_dim").get<int32_t>();
  spec.unmasked_weight = json.at("unmasked_weight").get<double>();
  return spec;
}

}  // namespace

std::unique_ptr<Objective> make_objective(const std::string& text) {
  try {
    const Json json = Json::parse(text);
    switch (enum_from_name<ObjectiveKind>("objective.kind", json.at("kind").get<std::string>())) {
      case ObjectiveKind::kLayerMean:
        return std::make_unique<LayerMeanObjective>(layer_mean_spec(json));
      case ObjectiveKind::kMaskedUnits:
        break;
    }
    return std::make_unique<MaskedUnitsObjective>(masked_units_spec(json));
  } catch (const Json::exception& error) {
    throw InputError(fmt::format("the objective's description cannot be read: {}", error.what()));
  }
}

TrainedObjective load_objective(const std::filesystem::path& path) {
  SafetensorsFile file = read_safetensors(path, Reading::kCopied);
  const auto description = file.metadata.find("objective");
  if (description == file.metadata.end() || file.metadata["kind"] != "objective") {
    throw InputError(
        fmt::format("{} holds no objective: expected the objective.safetensors of a "
                    "training stage",
                    path.string()));
  }
  TrainedObjective result{make_objective(description->second), {}};
  for (const Parameters::Init& init : result.objective->parameters(Rng())) {
    const auto found = file.tensors.find(init.name);
    if (found == file.tensors.end() || found->second.sizes() != init.value.sizes()) {
      throw InputError(
          fmt::format("{}: tensor {} is missing or has another shape than its "
                      "objective needs",
                      path.string(), init.name));
    }
    result.heads[init.name] = as_floats(found->second, init.name, path).clone();
  }
  return result;
}

void save_objective(const Objective& objective, const TensorMap& heads,
                    const std::filesystem::path& path) {
  write_safetensors(path, heads,
                    {{"format", "pt"}, {"kind", "objective"}, {"objective", objective.to_json()}});
}

}  // namespace concertina
