// Fresh times of a front against the predictions the search used.
#pragma once

#include <span>

#include "study/trial.h"
#include "study/latency/model.h"

namespace concertina {

// Counts the times of the model's own workload that lie outside its 90 % interval. When they are
// more than chance explains (binomial, 5 %), `scale` is the median of measured / predicted, else 1.
// A model without a stored error (format 1) is never corrected. `date` is left empty.
LatencyCheck check_latency(const LatencyModel& model, std::span<const LatencyPoint> times);

// The chance that `hits` or more of `count` independent events of probability `p` happen.
double chance_of_at_least(int64_t hits, int64_t count, double p);

}  // namespace concertina
