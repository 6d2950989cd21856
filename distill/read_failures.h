// Clips that training could not read: it goes on without a few of them.
#pragma once

#include <cstdint>
#include <mutex>
#include <set>
#include <string>

#include "core/errors.h"

namespace concertina {

// Thread-safe.
class ReadFailures {
 public:
  explicit ReadFailures(size_t clips);  // how many there are

  // Something else is read in place of a clip that failed; one line says so for each clip. Throws
  // the error once `tries` of one place have failed, and SystemError when more than 1 clip in
  // kOneIn has.
  void note(const Error& error, int32_t tries);

  static constexpr size_t kOneIn = 20;
  static constexpr int32_t kMostTries = 20;

 private:
  size_t clips_;
  std::mutex mutex_;
  std::set<std::string> seen_;  // what the errors begin with, which is the path
};

}  // namespace concertina
