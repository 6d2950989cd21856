// What can be wrong with a search space, all of it at once. Private to the room.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "supernet/space/search_space.h"

namespace concertina {

struct SpaceProblem {
  std::string key;  // dotted key of a space file: "depth.keep"
  std::string message;
};

// Checks the lists alone: not empty, in range, fitting the blueprint's front end.
std::vector<SpaceProblem> check_choices(const Blueprint& blueprint,
                                        const SearchSpace::Choices& choices,
                                        const SearchSpace::Default& default_);

// Checks that every member can be cut from the storage; `choices` passed check_choices.
std::vector<SpaceProblem> check_storage(const Blueprint& blueprint,
                                        const SearchSpace::Choices& choices,
                                        const Storage& storage);

// The smallest storage that holds every member; `choices` passed check_choices.
Architecture storage_of(const SearchSpace::Choices& choices);

std::vector<int32_t> kept_layers(const SearchSpace::Choices& choices, int32_t depth);

inline int32_t ffn_dim_of(double ratio, int32_t embed_dim) {
  return static_cast<int32_t>(ratio * embed_dim);
}

}  // namespace concertina
