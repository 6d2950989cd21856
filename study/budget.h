// Limits on a subnet's metrics.
#pragma once

#include <optional>
#include <string>

#include "study/study_header.h"

namespace concertina {

enum class Bound { kAtMost, kAtLeast };

// Makes a limit on latency.pred_ms one on the time itself: FrontResults::time_terms().
struct TimeLimit {
  std::optional<double> margin;  // 0.1: the prediction stays 10 % below; absent: the model's own
};

struct Budget {
  std::string metric;  // "params"; "test.sid.acc" for a score of the final front
  double limit = 0;
  // When absent, it follows the metric's direction: accuracies need at least `limit`.
  std::optional<Bound> bound = std::nullopt;
  std::optional<TimeLimit> time = std::nullopt;  // of latency.pred_ms only
};

// At most `ms` of time, by the prediction.
inline Budget time_budget(double ms, std::optional<double> margin = std::nullopt) {
  return {"latency.pred_ms", ms, Bound::kAtMost, TimeLimit{margin}};
}

// The side of the limit that a budget allows: its own bound or, when it has none, the better side
// of its metric. InputError when neither is known.
Bound bound_of(const StudyHeader& header, const Budget& budget);

}  // namespace concertina
