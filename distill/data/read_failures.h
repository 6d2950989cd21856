// Clips that cannot be read: training tolerates a few of them.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <set>
#include <string>

#include "core/errors.h"
#include "core/rng.h"

namespace concertina {

// Thread-safe.
class ReadFailures {
 public:
  explicit ReadFailures(size_t clips);  // how many there are

  // One attempt at reading a row: number 0 from the part that was drawn for it, later ones from a
  // part drawn from `retry_rng`. `rng` is the batch's own, `augmentation_rng` the row's.
  using Read =
      std::function<void(int32_t attempt, Rng& rng, const Rng& augmentation_rng, Rng& retry_rng)>;
  // Reads a row, from another part where a clip cannot be read. Every attempt starts from the same
  // `rng`, which is left as the successful one leaves it. Each clip that fails is logged once.
  // Throws the error once kMaxAttempts parts of one row have failed, and SystemError when more than
  // one clip in kOneIn cannot be read.
  void retry(Rng& rng, const Rng& augmentation_rng, const Read& read);

  static constexpr size_t kOneIn = 20;
  static constexpr int32_t kMaxAttempts = 20;

 private:
  void note(const Error& error, int32_t attempt);

  size_t clips_;
  std::mutex mutex_;
  std::set<std::string> failed_;  // what the errors begin with, which is the path
};

}  // namespace concertina
