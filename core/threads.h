// Parallel loops for the torch-free half, on oneTBB. The number of threads is set once, in main.
#pragma once

#include <cstdint>
#include <functional>

namespace concertina {

int32_t hardware_threads();              // CPUs this process may use
void set_thread_limit(int32_t threads);  // for the process; >= 1
int32_t thread_limit();

// Runs body(i) for i in [0, n) on the thread limit; the first exception is rethrown after all have
// stopped. The order is not defined: bodies write to their own slot.
void parallel_for(int64_t n, const std::function<void(int64_t)>& body);

}  // namespace concertina
