// Foreign models from their settings, and the messages of the errors that they cause.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "core/errors.h"
#include "supernet/checkpoint/transformers.h"

namespace concertina::testing {

// Of the InputError that make() throws; "" where it throws none.
template <class Make>
std::string error_of(const Make& make) {
  try {
    make();
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

inline ForeignModel from_config(const nlohmann::json& config,
                                const nlohmann::json& preprocessor = nlohmann::json::object()) {
  return transformers_model(Settings::from_json(config.dump(), "config.json"),
                            Settings::from_json(preprocessor.dump(), "preprocessor.json"));
}

}  // namespace concertina::testing
