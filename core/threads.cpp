#include "core/threads.h"

#include <sched.h>
#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <mutex>
#include <thread>

#include "core/cpu_quota.h"
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
  static Limit* const instance = new Limit;  // never destroyed: TBB may end first
  return *instance;
}

int32_t allowed_cpus() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) return CPU_COUNT(&allowed);
  return static_cast<int32_t>(std::thread::hardware_concurrency());
}

}  // namespace

int32_t usable_threads(int32_t cpus, std::optional<double> quota) {
  const double share = quota ? std::ceil(*quota) : cpus;
  return std::max(1, static_cast<int32_t>(std::min<double>(cpus, share)));
}

int32_t hardware_threads() {
  static const int32_t threads = usable_threads(allowed_cpus(), cpu_quota());
  return threads;
}

void set_thread_limit(int32_t threads) {
  CONCERTINA_ASSERT(threads >= 1);
  const std::scoped_lock lock(limit().mutex);
  limit().threads = threads;
  limit().control.reset();  // TBB applies the smallest of several controls
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
  // An arena of its own: a thread that waits in a nested loop does not start outer tasks.
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
