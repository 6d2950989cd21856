#include "distill/objective/objective_file.h"

#include <fmt/format.h>

#include "core/errors.h"
#include "supernet/model/safetensors.h"

namespace concertina {
namespace {

const std::string kStatePrefix = "state/";

}  // namespace

TrainedObjective load_objective(const std::filesystem::path& path) {
  SafetensorsFile file = read_safetensors(path, Reading::kCopied);
  const auto description = file.metadata.find("objective");
  if (description == file.metadata.end() || file.metadata["kind"] != "objective") {
    throw InputError(
        fmt::format("{} holds no objective: expected the objective.safetensors of a "
                    "training stage",
                    path.string()));
  }
  TrainedObjective result{make_objective(description->second), {}, {}};
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
  for (const auto& [name, tensor] : file.tensors) {
    if (name.starts_with(kStatePrefix))
      result.state[name.substr(kStatePrefix.size())] = tensor.clone();
  }
  return result;
}

void save_objective(const Objective& objective, const TensorMap& heads, const TensorMap& state,
                    const std::filesystem::path& path) {
  TensorMap tensors = heads;
  for (const auto& [name, tensor] : state) tensors[kStatePrefix + name] = tensor.to(at::kCPU);
  write_safetensors(path, tensors,
                    {{"format", "pt"}, {"kind", "objective"}, {"objective", objective.to_json()}});
}

}  // namespace concertina
