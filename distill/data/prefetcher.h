// Prefetches the batches of the next steps on threads of its own while the current step is trained,
// and copies them to the device.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <map>
#include <mutex>
#include <thread>
#include <variant>
#include <vector>

#include "distill/data/batch_source.h"
#include "distill/data/transfer.h"

namespace concertina {

// next() throws the errors of reading. `source` must outlive it. Its threads live as long as it
// does, and LibTorch runs on one thread in each, so that they do not compete with those that train.
//
// Not std::future: a program's copies of its inline functions replace those that LibTorch was built
// with, and where the compilers differ, oneDNN crashes in them.
class Prefetcher {
 public:
  Prefetcher(const BatchSource& source, int64_t first_step, at::Device device);
  TrainingBatch next();  // in the order of the steps

 private:
  using Result = std::variant<Uploader::Upload, std::exception_ptr>;
  void start_threads();
  void work(const std::stop_token& stop);
  Result make_batch(int64_t step) const;

  const BatchSource& source_;
  Uploader uploader_;
  std::mutex mutex_;  // guards the three below
  std::condition_variable_any changed_;
  int64_t next_;     // the step that next() returns
  int64_t started_;  // the step that a free thread makes next
  std::map<int64_t, Result> ready_;
  std::vector<std::jthread> threads_;  // the last member: joined before the others end
};

}  // namespace concertina
