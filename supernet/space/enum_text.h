// Enumerators as words of a space or blueprint file. Private to supernet/space.
#pragma once

#include <string>
#include <vector>

#include "core/config.h"

namespace concertina {

// In the order of the enumerators, as all such lists.
inline const std::vector<std::string> kPolicyNames = {"lighthubert", "top",       "bottom",
                                                      "alternate",   "symmetric", "explicit"};
inline const std::vector<std::string> kAttentionNames = {"linear", "softmax"};
inline const std::vector<std::string> kRuleNames = {"prefix", "lighthubert"};

template <class Enum>
const std::string& name_of(const std::vector<std::string>& names, Enum value) {
  return names[static_cast<size_t>(value)];
}

template <class Enum>
void read_enum(ConfigSection& section, const char* key, const std::vector<std::string>& names,
               Enum& value) {
  auto index = static_cast<int32_t>(value);
  section.read_choice(key, names, index);
  value = static_cast<Enum>(index);
}

}  // namespace concertina
