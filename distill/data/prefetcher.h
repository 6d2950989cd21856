// Makes the next steps' batches while the current one is trained on, on threads of its own, and
// brings them to the device.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <map>
#include <mutex>
#include <thread>
#include <variant>
#include <vector>

#include "distill/data/crops.h"
#include "distill/data/transfer.h"

namespace concertina {

// Errors of reading come out of next(). `source` must outlive it. Its threads live as long as it
// does, and LibTorch runs on one thread in each: they are not to take turns with those that train.
//
// Not std::future: its inline functions in a program stand in for those that LibTorch was built
// with, and where the compilers differ, oneDNN crashes in them.
class Prefetcher {
 public:
  Prefetcher(const BatchSource& source, int64_t first_step, at::Device device);
  Crops next();

 private:
  using Made = std::variant<Uploader::Sent, std::exception_ptr>;
  void start_threads();
  void work(const std::stop_token& stop);
  Made make(int64_t step) const;

  const BatchSource& source_;
  Uploader uploader_;
  std::mutex mutex_;  // of the four below
  std::condition_variable_any changed_;
  int64_t next_;   // the step that next() gives
  int64_t begun_;  // the step that a free thread begins with
  std::map<int64_t, Made> made_;
  std::vector<std::jthread> threads_;  // the last member: joined before the others end
};

}  // namespace concertina
