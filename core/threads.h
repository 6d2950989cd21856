// Parallel loops for the torch-free half, on oneTBB. The number of threads is set once, in main.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

namespace concertina {

// Threads that make use of the CPUs this process may run on (its affinity) for the share of their
// time it is given (core/cpu_quota.h): the default number.
int32_t hardware_threads();
// The smaller of both, a part of a CPU counted as one more; at least 1.
int32_t usable_threads(int32_t cpus, std::optional<double> quota);
void set_thread_limit(int32_t threads);  // for the process; >= 1
int32_t thread_limit();

// Runs body(i) for i in [0, n) on the thread limit; the first exception is rethrown after all have
// stopped. The order is not defined: bodies write to their own slot.
void parallel_for(int64_t n, const std::function<void(int64_t)>& body);

}  // namespace concertina
