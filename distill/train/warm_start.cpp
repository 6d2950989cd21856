#include "distill/train/warm_start.h"

#include <fmt/format.h>

#include "core/errors.h"
#include "distill/objective/objective_file.h"
#include "supernet/model/model_file.h"

namespace concertina {
namespace {

at::Tensor matching(const TensorMap& tensors, const std::string& name, const at::Tensor& like,
                    const std::filesystem::path& folder) {
  const auto found = tensors.find(name);
  if (found == tensors.end() || found->second.sizes() != like.sizes()) {
    throw InputError(fmt::format(
        "init_from: {} in {} {}: a warm start takes a run of the same "
        "space and objective",
        name, folder.string(), found == tensors.end() ? "is missing" : "has another shape"));
  }
  return found->second.to(like.scalar_type()).clone();
}

}  // namespace

ModelWithHeads load_model_with_heads(const std::filesystem::path& folder) {
  const std::filesystem::path objective = folder / "objective.safetensors";
  return {load_model(folder / "model.safetensors"),
          std::filesystem::exists(objective) ? load_objective(objective).heads : TensorMap{}};
}

void warm_start(TensorMap& weights, std::vector<Parameters::Init>& heads,
                const ModelWithHeads& start, const std::filesystem::path& folder) {
  const TensorMap& from = start.model.weights();
  for (auto& [name, tensor] : weights) tensor = matching(from, name, tensor, folder);
  for (const auto& [name, tensor] : from) {
    if (!weights.contains(name)) {
      throw InputError(
          fmt::format("init_from: this run has no tensor {} of {}: a warm start takes "
                      "a run of the same space and objective",
                      name, folder.string()));
    }
  }
  for (Parameters::Init& head : heads) {
    head.value = matching(start.heads, head.name, head.value, folder);
  }
}

}  // namespace concertina
