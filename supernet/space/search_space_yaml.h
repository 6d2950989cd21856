// Search spaces as files that people read and edit.
#pragma once

#include <string>

#include "supernet/space/search_space.h"

namespace concertina {

// What load_search_space() reads: a key a line, the blueprint inside. The same values as json_of().
std::string yaml_of(const SearchSpace& space);

}  // namespace concertina
