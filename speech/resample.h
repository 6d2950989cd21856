// Sample-rate conversion by soxr, and what it is also good for: a narrower band. Thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace concertina {

// `in` at rate `to` instead of `from` (soxr HQ, linear phase, no delay). `name` stands in the error
// message: InputError when soxr refuses the rates.
std::vector<float> resample(std::span<const float> in, int32_t from, int32_t to,
                            const std::string& name);

// Takes out what lies above `cutoff` Hz, as a recording at twice that rate would: down to that rate
// and back, in place. 0 < cutoff < 8000, for 16 kHz.
void band_limit(std::span<float> samples, double cutoff);

}  // namespace concertina
