// Starting a run from the weights and prediction heads of a finished stage (`init_from`).
#pragma once

#include <filesystem>
#include <vector>

#include "supernet/model/parameters.h"
#include "supernet/model/supernet.h"

namespace concertina {

// A trained model and the prediction heads that were trained with it.
struct ModelWithHeads {
  Supernet model;
  TensorMap heads;
};

// Of a finished stage's folder; no heads where it has no objective.safetensors. InputError when it has no
// model.
ModelWithHeads load_model_with_heads(const std::filesystem::path& folder);

// Copies all tensors of `start` into a run's weights and heads. InputError names the first that is
// missing, left over or of another shape.
void warm_start(TensorMap& weights, std::vector<Parameters::Init>& heads,
                const ModelWithHeads& start, const std::filesystem::path& folder);

}  // namespace concertina
