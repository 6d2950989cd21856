// Latencies of a front, measured after the search, against the predictions that the search used.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "study/latency/point.h"

namespace concertina {

class LatencyModel;

struct LatencyCheck {
  std::string date;     // UTC, "2026-01-31T12:00:00Z"
  int64_t times = 0;    // measured latencies of the model's workload
  int64_t outside = 0;  // of them, outside the prediction's 90 % interval
  double scale = 1;     // a prediction times this is the corrected one
};

// Counts the times of the model's workload that lie outside its 90 % interval. When they are more
// than chance explains (binomial test, 5 %), `scale` is the median of measured / predicted, else 1.
// A model without a stored error (format 1) is never corrected. `date` is left empty.
LatencyCheck check_latency(const LatencyModel& model, std::span<const LatencyPoint> times);

// The probability of `hits` or more successes in `count` trials of probability `p` (binomial tail).
double chance_of_at_least(int64_t hits, int64_t count, double p);

}  // namespace concertina
