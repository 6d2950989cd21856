// Search spaces in YAML and JSON (docs/formats.md). JSON is read by the YAML parser. Invalid ones
// are an InputError that lists all problems with their places.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "core/config.h"
#include "supernet/space/search_space.h"

namespace concertina {

SearchSpace load_search_space(const std::filesystem::path& path);  // it names its blueprint
// Problems go to the file: call file.finish() before the space is used.
SearchSpace search_space_from_config(ConfigSection section, const ConfigFile& file);
// As stored in model files and studies, which may come from anywhere: the blueprint is inside, and
// no other file is opened.
SearchSpace search_space_from_json(std::string_view json);

std::string json_of(const SearchSpace& space);

}  // namespace concertina
