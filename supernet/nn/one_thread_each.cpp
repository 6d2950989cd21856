#include "supernet/nn/one_thread_each.h"

#include <ATen/Parallel.h>
#include <omp.h>

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
  at::parallel_for(0, static_cast<int64_t>(count), 1, [&](int64_t begin, int64_t end) {
    const OneThread guard;
    for (int64_t i = begin; i < end; ++i) body(static_cast<size_t>(i));
  });
}

}  // namespace concertina
