// The range of a number that the user gives. Every numeric option and config key has one, which
// limits the time and memory that a number can ask for.
#pragma once

#include <string>

namespace concertina {

struct Bounds {
  double low = 0, high = 0;                                                 // both included
  bool holds(double value) const { return value >= low && value <= high; }  // NaN: false
};

// [low, high] in a config: a value is drawn uniformly from it.
struct NumberRange {
  double low = 0, high = 0;
};

std::string describe(const Bounds& bounds);  // "0.1 to 3600"

// Shared by flags and config keys of the same meaning.
inline constexpr Bounds kSeedBounds{0, 9007199254740992};  // 2^53: exact in every format
inline constexpr Bounds kThreadBounds{0, 1024};            // 0: all
inline constexpr Bounds kShareBounds{0, 1};
inline constexpr Bounds kMinuteBounds{1e-9, 1e6};

}  // namespace concertina
