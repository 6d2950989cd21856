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
    : source_(source), uploader_(device), next_(first_step), begun_(first_step) {
  start_threads();
}

// LibTorch's number of threads is part the thread's own, part what new threads take when they first
// ask: these ask before they set theirs, and the caller sets the latter back once all have.
void Prefetcher::start_threads() {
  const int callers = at::get_num_threads();
  const auto ready = std::make_shared<std::latch>(kStepsAhead);
  for (int32_t i = 0; i < kStepsAhead; ++i) {
    threads_.emplace_back([this, ready](const std::stop_token& stop) {
      (void)at::get_num_threads();
      at::set_num_threads(1);
      ready->count_down();
      work(stop);
    });
  }
  ready->wait();
  at::set_num_threads(callers);
}

void Prefetcher::work(const std::stop_token& stop) {
  while (true) {
    std::unique_lock lock(mutex_);
    const bool free = changed_.wait(lock, stop, [this] { return begun_ < next_ + kStepsAhead; });
    if (!free || stop.stop_requested()) return;
    const int64_t step = begun_++;
    lock.unlock();
    Made made = make(step);
    lock.lock();
    made_.emplace(step, std::move(made));
    changed_.notify_all();
  }
}

Prefetcher::Made Prefetcher::make(int64_t step) const {
  try {
    return uploader_.send(source_.at(step));
  } catch (...) {
    return std::current_exception();
  }
}

Crops Prefetcher::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return made_.contains(next_); });
  Made made = std::move(made_.extract(next_++).mapped());
  changed_.notify_all();
  lock.unlock();
  if (const auto* error = std::get_if<std::exception_ptr>(&made)) std::rethrow_exception(*error);
  return uploader_.receive(std::get<Uploader::Sent>(std::move(made)));
}

}  // namespace concertina
