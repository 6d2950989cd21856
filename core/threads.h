// Parallel loops for the torch-free half, on oneTBB. The number of threads is set once, in main.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

namespace concertina {

// The default number of threads: usable_threads() of the CPUs in this process's affinity mask and
// its CPU quota (core/cpu_quota.h).
int32_t hardware_threads();
// The smaller of both, the quota rounded up; at least 1.
int32_t usable_threads(int32_t cpus, std::optional<double> quota);
void set_thread_limit(int32_t threads);  // for the process; >= 1
int32_t thread_limit();

// Runs body(i) for i in [0, n) on at most thread_limit() threads, in no particular order; the first
// exception is rethrown after all have stopped.
void parallel_for(int64_t n, const std::function<void(int64_t)>& body);

}  // namespace concertina
