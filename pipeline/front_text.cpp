#include "pipeline/front_text.h"

#include <fmt/format.h>

namespace concertina {

std::string describe(const Budget& budget) {
  return fmt::format("{} {}", metric_text(budget.metric, budget.limit),
                     budget.time ? "latency" : budget.metric);
}

std::string correction_text(const FrontResults& results) {
  if (!results.check || results.check->scale == 1 || !results.model || !results.model->held_out())
    return "";
  const LatencyError& error = *results.model->held_out();
  return fmt::format(
      "{} of {} measured latencies lie outside the prediction's 90 % interval ({:.2f} to {:.2f} of "
      "it): predictions are corrected by {:.3f}; objective values stay as the search saw them",
      results.check->outside, results.check->times, error.low, error.high, results.check->scale);
}

}  // namespace concertina
