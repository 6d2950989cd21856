#include "core/threads.h"

#include <sched.h>
#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <thread>

#include "core/errors.h"
#include "core/tsan.h"

namespace concertina {
namespace {

struct Limit {
  std::mutex mutex;
  int32_t threads = hardware_threads();
  std::unique_ptr<tbb::global_control> control;
};

Limit& limit() {
  static Limit* const instance = new Limit;  // never destroyed: TBB may be gone before our statics
  return *instance;
}

}  // namespace

int32_t hardware_threads() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) return std::max(1, CPU_COUNT(&allowed));
  return std::max(1, static_cast<int32_t>(std::thread::hardware_concurrency()));
}

void set_thread_limit(int32_t threads) {
  CONCERTINA_ASSERT(threads >= 1);
  const std::scoped_lock lock(limit().mutex);
  limit().threads = threads;
  limit().control.reset();  // of several controls TBB takes the smallest
  limit().control = std::make_unique<tbb::global_control>(
      tbb::global_control::max_allowed_parallelism, static_cast<size_t>(threads));
}

int32_t thread_limit() {
  const std::scoped_lock lock(limit().mutex);
  return limit().threads;
}

void parallel_for(int64_t n, const std::function<void(int64_t)>& body) {
  const auto threads = static_cast<int32_t>(std::min<int64_t>(thread_limit(), n));
  if (threads <= 1) {
    for (int64_t i = 0; i < n; ++i) body(i);
    return;
  }
  // An arena of its own: a thread that waits in a nested loop takes up no outer task.
  HandOver begun, ended;
  const ReceiveOnExit after_all{ended};
  begun.publish();
  tbb::task_arena(threads).execute([&] {
    tbb::parallel_for(tbb::blocked_range<int64_t>(0, n), [&](const auto& range) {
      begun.receive();
      const PublishOnExit after_range{ended};
      for (int64_t i = range.begin(); i != range.end(); ++i) body(i);
    });
  });
}

}  // namespace concertina
