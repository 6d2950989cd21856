// Makes the next steps' batches while the current one is trained on, on threads of its own, and
// brings them to the device.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

#include "distill/crops.h"
#include "distill/transfer.h"

namespace concertina {

// Errors of reading come out of next(). `source` must outlive it. Its threads live as long as it
// does, and LibTorch runs on one thread in each: they are not to take turns with those that train.
class Prefetcher {
 public:
  Prefetcher(const BatchSource& source, int64_t first_step, at::Device device);
  Crops next();

 private:
  using Task = std::packaged_task<Uploader::Sent()>;
  void start_threads();
  void add_task();
  void work(const std::stop_token& stop);

  const BatchSource& source_;
  int64_t step_;
  Uploader uploader_;
  std::mutex mutex_;  // of tasks_
  std::condition_variable_any added_;
  std::deque<Task> tasks_;
  std::deque<std::future<Uploader::Sent>> ahead_;
  std::vector<std::jthread> threads_;  // the last member: joined before the others end
};

}  // namespace concertina
