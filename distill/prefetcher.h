// Makes the next steps' batches while the current one is trained on, on other threads, and brings
// them to the device.
#pragma once

#include <cstdint>
#include <deque>
#include <future>

#include "distill/crops.h"
#include "distill/transfer.h"

namespace concertina {

// Errors of reading come out of next(). `source` must outlive it.
class Prefetcher {
 public:
  Prefetcher(const BatchSource& source, int64_t first_step, at::Device device);
  Crops next();

 private:
  void start_one();
  const BatchSource& source_;
  int64_t step_;
  Uploader uploader_;
  std::deque<std::future<Uploader::Sent>> ahead_;
};

}  // namespace concertina
