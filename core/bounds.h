// The values that a number of the user's may have. Every numeric option and config key has bounds,
// so that no number takes time or memory without end.
#pragma once

#include <string>

namespace concertina {

struct Bounds {
  double low = 0, high = 0;                                                 // both belong to it
  bool holds(double value) const { return value >= low && value <= high; }  // NaN: false
};

// [low, high] in a config: what a value is drawn from, uniformly.
struct NumberRange {
  double low = 0, high = 0;
};

std::string describe(const Bounds& bounds);  // "0.1 to 3600"

// Shared by options and config keys that say the same thing.
inline constexpr Bounds kSeedBounds{0, 9007199254740992};  // 2^53: exact in every format
inline constexpr Bounds kThreadBounds{0, 1024};            // 0: all
inline constexpr Bounds kShareBounds{0, 1};
inline constexpr Bounds kMinuteBounds{1e-9, 1e6};

}  // namespace concertina
