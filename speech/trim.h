// Silence at the ends of a clip, by energy.
#pragma once

#include <cstdint>
#include <span>

namespace concertina {

struct SampleRange {
  int64_t begin = 0, end = 0;
};

// From the first to the last frame (25 ms, every 10 ms) whose energy is within `top_db` of the
// loudest one's, with up to 100 ms on both sides. 16 kHz. Empty when every sample is 0.
SampleRange sounding_part(std::span<const float> samples, double top_db);

}  // namespace concertina
