// Architectures as users name them.
#pragma once

#include <string>
#include <string_view>

#include "supernet/space/search_space.h"

namespace concertina {

// Architecture::parse, where one number for `c=` stands for all conv layers of the blueprint. Not
// checked against it.
Architecture architecture_from_key(const Blueprint& blueprint, std::string_view key);

enum class Accept {
  kMembers,   // members of the space, and whole()
  kSliceable  // all that can be sliced from the storage
};

// "smallest" | "largest" | "default" | "whole" | a key | "@FILE" with one of these (or JSON with
// the field "architecture") | LightHuBERT's dict. InputError names what does not fit and the
// nearest choice.
Architecture resolve_architecture(const SearchSpace& space, const std::string& text,
                                  Accept accept = Accept::kMembers);

}  // namespace concertina
