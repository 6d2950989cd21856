// Blueprints in YAML and JSON (docs/formats.md). JSON is read by the YAML parser.
#pragma once

#include <string>
#include <string_view>

#include "core/config.h"
#include "supernet/space/blueprint.h"

namespace concertina {

// Problems are collected in the section's file.
Blueprint blueprint_from_config(ConfigSection section);
Blueprint blueprint_from_json(std::string_view json);  // InputError

// Canonical: sorted keys, no spaces; options added since version 0.1 only where they are used.
std::string json_of(const Blueprint& blueprint);

}  // namespace concertina
