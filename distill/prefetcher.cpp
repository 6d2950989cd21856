#include "distill/prefetcher.h"

#include <ATen/Parallel.h>

#include <latch>
#include <utility>

namespace concertina {
namespace {

constexpr int32_t kStepsAhead = 3;

}  // namespace

Prefetcher::Prefetcher(const BatchSource& source, int64_t first_step, at::Device device)
    : source_(source), step_(first_step), uploader_(device) {
  start_threads();
  for (int32_t i = 0; i < kStepsAhead; ++i) add_task();
}

// LibTorch's number of threads is part the thread's own, part what new threads begin with: the
// caller sets the latter back once all have theirs.
void Prefetcher::start_threads() {
  const int callers = at::get_num_threads();
  std::latch ready(kStepsAhead);
  for (int32_t i = 0; i < kStepsAhead; ++i) {
    threads_.emplace_back([this, &ready](const std::stop_token& stop) {
      at::set_num_threads(1);
      ready.count_down();
      work(stop);
    });
  }
  ready.wait();
  at::set_num_threads(callers);
}

void Prefetcher::work(const std::stop_token& stop) {
  while (true) {
    std::unique_lock lock(mutex_);
    if (!added_.wait(lock, stop, [this] { return !tasks_.empty(); })) return;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
  }
}

void Prefetcher::add_task() {
  Task task([this, step = step_++] { return uploader_.send(source_.at(step)); });
  ahead_.push_back(task.get_future());
  const std::scoped_lock lock(mutex_);
  tasks_.push_back(std::move(task));
  added_.notify_one();
}

Crops Prefetcher::next() {
  Uploader::Sent sent = ahead_.front().get();
  ahead_.pop_front();
  add_task();
  return uploader_.receive(std::move(sent));
}

}  // namespace concertina
