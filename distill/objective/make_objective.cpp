// Objectives of all kinds (ObjectiveKind in distill/objective/options.h) from their JSON.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "distill/objective/layer_mean.h"
#include "distill/objective/masked_units.h"
#include "distill/objective/options.h"

namespace concertina {
namespace {

using Json = nlohmann::json;

std::unique_ptr<Objective> layer_mean(const Json& json) {
  LayerMeanSpec spec;
  spec.top = json.at("top").get<int32_t>();
  spec.distance = enum_from_name<Distance>("distance", json.at("distance").get<std::string>());
  spec.instance_norm = json.at("instance_norm").get<bool>();
  spec.teacher_depth = json.at("teacher_depth").get<int32_t>();
  spec.teacher_dim = json.at("teacher_dim").get<int32_t>();
  spec.student_dim = json.at("student_dim").get<int32_t>();
  return std::make_unique<LayerMeanObjective>(spec);
}

std::unique_ptr<Objective> masked_units(const Json& json) {
  MaskedUnitsSpec spec;
  spec.layers = json.at("layers").get<std::vector<int32_t>>();
  spec.depth = json.at("depth").get<int32_t>();
  spec.clusters = json.at("clusters").get<int32_t>();
  spec.model_dim = json.at("model_dim").get<int32_t>();
  spec.unmasked_weight = json.at("unmasked_weight").get<double>();
  return std::make_unique<MaskedUnitsObjective>(std::move(spec));
}

}  // namespace

std::unique_ptr<Objective> make_objective(const std::string& text) {
  try {
    const Json json = Json::parse(text);
    switch (enum_from_name<ObjectiveKind>("objective.kind", json.at("kind").get<std::string>())) {
      case ObjectiveKind::kLayerMean:
        return layer_mean(json);
      case ObjectiveKind::kMaskedUnits:
        break;
    }
    return masked_units(json);
  } catch (const Json::exception& error) {
    throw InputError(fmt::format("the objective's description is invalid: {}", error.what()));
  }
}

}  // namespace concertina
