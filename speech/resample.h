// Sample-rate conversion by soxr, and what it is also good for: a narrower band. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace concertina {

// `in` at rate `to` instead of `from` (soxr HQ, linear phase, no delay). `name` stands in the error
// message: InputError when soxr refuses the rates.
std::vector<float> resample(std::span<const float> in, int32_t from, int32_t to,
                            const std::string& name);

// The same for a signal that comes piece by piece. Not thread-safe.
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

// Takes out what lies above `cutoff` Hz, as a recording at twice that rate would: down to that rate
// and back, in place. 0 < cutoff < 8000, for 16 kHz.
void band_limit(std::span<float> samples, double cutoff);

}  // namespace concertina
