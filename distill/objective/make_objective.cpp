// The kinds of objectives: the one place that names them all.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>

#include "core/errors.h"
#include "distill/objective/layer_mean.h"
#include "distill/objective/masked_units.h"

namespace concertina {
namespace {

using Json = nlohmann::json;

std::unique_ptr<Objective> layer_mean(const Json& json) {
  LayerMeanSpec spec;
  spec.top = json.at("top").get<int32_t>();
  const auto distance = json.at("distance").get<std::string>();
  if (distance != "mse" && distance != "l1")
    throw InputError(fmt::format("unknown distance '{}': expected l1 or mse", distance));
  spec.distance = distance == "mse" ? Distance::kMse : Distance::kL1;
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

struct ObjectiveKind {
  std::string_view name;
  std::unique_ptr<Objective> (*make)(const Json& json);
};

constexpr ObjectiveKind kKinds[] = {{"layer_mean", layer_mean}, {"masked_units", masked_units}};

}  // namespace

std::unique_ptr<Objective> make_objective(const std::string& text) {
  try {
    const Json json = Json::parse(text);
    const std::string name = json.at("kind").get<std::string>();
    for (const ObjectiveKind& kind : kKinds) {
      if (kind.name == name) return kind.make(json);
    }
    throw InputError(
        fmt::format("unknown objective '{}': expected layer_mean or masked_units", name));
  } catch (const Json::exception& error) {
    throw InputError(fmt::format("the objective's description is invalid: {}", error.what()));
  }
}

}  // namespace concertina
