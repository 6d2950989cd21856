// Inputs of tests/parity/golden/frozen_features.py and what it computed.
#pragma once

#include <nlohmann/json.hpp>

#include "core/files.h"
#include "tests/model/closed_form.h"

namespace concertina::testing {

inline at::Tensor golden_value(const std::string& name, at::IntArrayRef shape) {
  return at::tensor(uniform(name, c10::multiply_integers(shape)), at::kDouble).view(shape);
}

inline nlohmann::json golden_scores() {
  return nlohmann::json::parse(
      read_text(std::string(CONCERTINA_SOURCE_DIR) + "/tests/eval/golden.json"));
}

inline at::Tensor golden_tensor(const nlohmann::json& values) {
  return at::tensor(values.get<std::vector<double>>(), at::kDouble);
}

}  // namespace concertina::testing
