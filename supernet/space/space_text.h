// The words of a space file, shared by its reader and writer. Private to the room.
#pragma once

#include <string>
#include <vector>

namespace concertina {

// In the order of DepthPolicy and of SlicingRule.
inline const std::vector<std::string> kPolicyNames = {"lighthubert", "top",       "bottom",
                                                      "alternate",   "symmetric", "explicit"};
inline const std::vector<std::string> kRuleNames = {"prefix", "lighthubert"};

}  // namespace concertina
