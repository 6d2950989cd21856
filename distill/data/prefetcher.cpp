#include "distill/data/prefetcher.h"

#include <ATen/Parallel.h>

#include <latch>
#include <memory>
#include <utility>

namespace concertina {
namespace {

constexpr int32_t kStepsAhead = 3;

}  // namespace

Prefetcher::Prefetcher(const BatchSource& source, int64_t first_step, at::Device device)
    : source_(source), uploader_(device), next_(first_step), started_(first_step) {
  start_threads();
}

// at::set_num_threads sets both the thread's own number and the default that new threads take when
// they first ask for it: these ask before they set theirs, and the caller restores the default once
// all have.
void Prefetcher::start_threads() {
  const int callers = at::get_num_threads();
  const auto started = std::make_shared<std::latch>(kStepsAhead);
  for (int32_t i = 0; i < kStepsAhead; ++i) {
    threads_.emplace_back([this, started](const std::stop_token& stop) {
      (void)at::get_num_threads();
      at::set_num_threads(1);
      started->count_down();
      work(stop);
    });
  }
  started->wait();
  at::set_num_threads(callers);
}

void Prefetcher::work(const std::stop_token& stop) {
  while (true) {
    std::unique_lock lock(mutex_);
    const bool free = changed_.wait(lock, stop, [this] { return started_ < next_ + kStepsAhead; });
    if (!free || stop.stop_requested()) return;
    const int64_t step = started_++;
    lock.unlock();
    Result result = make_batch(step);
    lock.lock();
    ready_.emplace(step, std::move(result));
    changed_.notify_all();
  }
}

Prefetcher::Result Prefetcher::make_batch(int64_t step) const {
  try {
    return uploader_.start(source_.at(step));
  } catch (...) {
    return std::current_exception();
  }
}

TrainingBatch Prefetcher::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ready_.contains(next_); });
  Result result = std::move(ready_.extract(next_++).mapped());
  changed_.notify_all();
  lock.unlock();
  if (const auto* error = std::get_if<std::exception_ptr>(&result)) std::rethrow_exception(*error);
  return uploader_.finish(std::get<Uploader::Upload>(std::move(result)));
}

}  // namespace concertina
