// Training options as JSON, for the stages' config fingerprints. Internal to distill/.
#pragma once

#include <nlohmann/json.hpp>

#include "distill/train/options.h"

namespace concertina {

// Adds what settles the numbers of every stage: no time caps, checkpoint intervals or `guard`.
void add_train_options(nlohmann::ordered_json& json, const TrainOptions& options);
nlohmann::ordered_json mask_json(double probability, int32_t length);

}  // namespace concertina
