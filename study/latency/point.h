// A measured latency and the workload it was measured with.
#pragma once

#include <cstdint>
#include <string>

#include "supernet/space/architecture.h"

namespace concertina {

struct LatencyPoint {
  Architecture architecture;
  std::string device;  // CPU model name
  int32_t threads = 1;
  double seconds = 4;  // audio length
  std::string dtype = "fp32";
  int32_t n = 0;  // timed repetitions
  double mean_ms = 0, p50_ms = 0, p95_ms = 0;
  double spread_ms = 0;  // interquartile range
};

// A member of the front timed after the search. In studies of schema 1 only p50_ms is known.
struct FreshTime {
  std::string date;  // UTC, "2026-01-31T12:00:00Z"; "" in studies of schema 1
  LatencyPoint time;
};

// Whether device, threads, seconds and dtype are the same.
bool same_workload(const LatencyPoint& a, const LatencyPoint& b);
std::string workload_text(const LatencyPoint& point);  // "a CPU, 1 thread, 4 s of audio, fp32"

}  // namespace concertina
