// Clips that training could not read: it goes on without a few of them.
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

  // One try of filling a row: from the place that was drawn for it (tries 0), else from another one
  // that `place` draws. `rng` is the batch's own, `augmenting` the row's.
  using Read = std::function<void(int32_t tries, Rng& rng, const Rng& augmenting, Rng& place)>;
  // Fills a row, from somewhere else where a clip cannot be read, with numbers of its own: `rng`
  // goes on as if all had been well. One line names each clip that failed. Throws the error once
  // kMostTries places of one row have failed, and SystemError when more than 1 clip in kOneIn has.
  void fill(Rng& rng, const Rng& augmenting, const Read& read);

  static constexpr size_t kOneIn = 20;
  static constexpr int32_t kMostTries = 20;

 private:
  void note(const Error& error, int32_t tries);

  size_t clips_;
  std::mutex mutex_;
  std::set<std::string> seen_;  // what the errors begin with, which is the path
};

}  // namespace concertina
