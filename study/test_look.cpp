#include "study/test_look.h"

#include <fmt/format.h>

#include <cmath>

#include "study/metric.h"

namespace concertina {

std::string score_number(std::string_view metric, const TestScore& score) {
  const std::string value = metric_number(metric, score.value);
  if (std::isnan(score.low)) return value;
  return fmt::format("{} [{}, {}]", value, metric_number(metric, score.low),
                     metric_number(metric, score.high));
}

}  // namespace concertina
