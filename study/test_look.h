// Evaluations on test: scores with intervals, settings and dates.
#pragma once

#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "supernet/space/architecture.h"

namespace concertina {

struct TestScore {
  double value = 0;
  double low = kUnknown, high = kUnknown;  // 95 % interval; NaN where there is none
  std::string setting = {};  // of the probe ("layer 1, shrinkage 0.001"), chosen without test data

  static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
};

struct FrontScore {
  Architecture architecture;
  std::map<std::string, TestScore> scores;  // by metric
};

// One evaluation on the test data: what was scored, with which settings, when. Evaluations are
// appended, never replaced, so that they are counted.
struct TestLook {
  std::string date;         // UTC, "2026-01-31T12:00:00Z"; "" in studies of schema 1
  std::string scored_with;  // JSON: metrics, settings, model and data; "" in studies of schema 1
  std::string fingerprint;  // sha256 of scored_with; scores of two fingerprints do not compare
  std::vector<FrontScore> members;
};

// "85.02 [83.90, 86.10]", the interval where there is one; without the unit.
std::string score_number(std::string_view metric, const TestScore& score);

}  // namespace concertina
