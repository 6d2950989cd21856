// Parameters and MACs of subnets and spaces, as `model`, `space` and `extract` show them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "supernet/space/search_space.h"

namespace concertina {

// MACs are those of 10 s of audio.
nlohmann::ordered_json cost_json(const Blueprint& blueprint, const Storage& storage,
                                 const Architecture& architecture);
std::string cost_line(const char* name, const nlohmann::ordered_json& cost);
// `extra`, then the space's size and the cost of its named members, on stdout.
void print_space(const SearchSpace& space, bool as_json, const nlohmann::ordered_json& extra);

}  // namespace concertina
