// Sample-rate conversion and band limiting by soxr. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace concertina {

// `in` converted from rate `from` to rate `to` (soxr HQ, linear phase, no delay). InputError, with
// `name` in its message, when soxr does not support the rates.
std::vector<float> resample(std::span<const float> in, int32_t from, int32_t to,
                            const std::string& name);

// The same for a signal in pieces. Not thread-safe.
class Resampler {
 public:
  Resampler(int32_t from, int32_t to, std::string name);
  ~Resampler();
  Resampler(Resampler&&) noexcept;
  Resampler& operator=(Resampler&&) noexcept;

  void add(std::span<const float> in, std::vector<float>& out);  // appends what is ready
  void finish(std::vector<float>& out);                          // appends the rest

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Removes frequencies above `cutoff` Hz from 16 kHz audio, in place, by resampling to 2 * cutoff Hz
// and back. 0 < cutoff < 8000.
void band_limit(std::span<float> samples, double cutoff);

}  // namespace concertina
