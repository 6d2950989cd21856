// objective.safetensors: the trained prediction heads of a stage's model and the objective's state (tensors
// state/NAME); metadata "objective" holds the objective's JSON.
#pragma once

#include <filesystem>
#include <memory>

#include "distill/objective/objective.h"
#include "distill/objective/objective_kinds.h"

namespace concertina {

struct TrainedObjective {
  std::unique_ptr<Objective> objective;
  TensorMap heads;  // at full width, by name
  TensorMap state;  // by name
};

// InputError when it is no objective file or a head is missing or misshaped.
TrainedObjective load_objective(const std::filesystem::path& path);
void save_objective(const Objective& objective, const TensorMap& heads, const TensorMap& state,
                    const std::filesystem::path& path);

}  // namespace concertina
