// A file's bytes with something wrong, for tests of what reads files.
#pragma once

#include <string>

#include "core/rng.h"

namespace concertina::testing {

// One to four bytes changed, taken out or put in.
inline std::string with_damage(std::string bytes, Rng& rng) {
  for (int64_t n = 1 + rng.below(4); n > 0 && !bytes.empty(); --n) {
    const auto at = static_cast<size_t>(rng.below(static_cast<int64_t>(bytes.size())));
    switch (rng.below(4)) {
      case 0:
        bytes[at] = static_cast<char>(rng.below(256));
        break;
      case 1:
        bytes.erase(at, 1 + static_cast<size_t>(rng.below(8)));
        break;
      case 2:
        bytes.insert(at, 1, static_cast<char>(rng.below(256)));
        break;
      default:
        bytes.resize(rng.below(8) == 0 ? at : bytes.size());
    }
  }
  return bytes;
}

}  // namespace concertina::testing
