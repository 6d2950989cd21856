// One counter-based generator (Philox 4x32-10, Salmon et al. 2011), forked by (purpose, index) so
// that no draw depends on thread timing. A value type: copy it to replay, save its state to resume.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace concertina {

class Rng {
 public:
  explicit Rng(uint64_t seed = 0) : key_(seed) {}

  // An independent stream; the parent does not advance.
  Rng fork(std::string_view purpose, uint64_t index = 0) const;

  uint32_t next_u32();
  uint64_t next_u64();
  double uniform();                         // [0, 1)
  double uniform(double low, double high);  // [low, high)
  double normal();                          // mean 0, variance 1
  int64_t below(int64_t n);                 // [0, n), unbiased; n > 0
  bool chance(double probability);
  template <class T>
  const T& pick(std::span<const T> values) {
    return values[static_cast<size_t>(below(static_cast<int64_t>(values.size())))];
  }
  template <class T>
  void shuffle(std::span<T> values) {
    for (size_t i = values.size(); i > 1; --i)
      std::swap(values[i - 1], values[static_cast<size_t>(below(static_cast<int64_t>(i)))]);
  }

  std::string save_state() const;                 // text, for checkpoints and studies
  static Rng from_state(std::string_view state);  // InputError when malformed
  bool operator==(const Rng&) const = default;

 private:
  uint64_t key_ = 0;
  uint64_t counter_ = 0;
  std::array<uint32_t, 4> block_{};
  uint32_t used_ = 4;
  void refill();
};

}  // namespace concertina
