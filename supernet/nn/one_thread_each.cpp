#include "supernet/nn/one_thread_each.h"

#include <ATen/Parallel.h>
#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace concertina {
namespace {

// The number of threads that OpenMP would use here. ATen's first call on a thread sets it to that of
// the process: its library's, and that of the functions which this program has of its headers.
int max_threads() {
  at::internal::lazy_init_num_threads();
  return at::get_num_threads();
}

// oneDNN and MKL ask OpenMP. The number is the calling thread's own, in a team the task's. With a
// larger one oneDNN would divide a gradient among threads that a nested region does not have, and
// leave parts of it unwritten.
class OneThread {
 public:
  OneThread() : before_(max_threads()) { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

}  // namespace

void one_thread_each(size_t count, const std::function<void(size_t)>& body) {
  if (count == 1) return body(0);
  const auto threads = std::min<int64_t>(static_cast<int64_t>(count), at::get_num_threads());
  std::atomic<size_t> next = 0;
  std::atomic<bool> failed = false;
  at::parallel_for(0, threads, 1, [&](int64_t, int64_t) {
    const OneThread guard;
    for (size_t i = next++; i < count && !failed; i = next++) {
      try {
        body(i);
      } catch (...) {
        failed = true;
        throw;
      }
    }
  });
}

}  // namespace concertina
