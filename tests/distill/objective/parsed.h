// Objectives from YAML.
#pragma once

#include <string>

#include "core/config.h"
#include "distill/objective/objective_kinds.h"

namespace concertina::testing {

inline ObjectiveOptions options_of(const std::string& yaml) {
  ConfigFile file = ConfigFile::parse("objective: " + yaml);
  ObjectiveOptions options;
  read_objective(file.root().section("objective"), options);
  file.finish();
  return options;
}

}  // namespace concertina::testing
