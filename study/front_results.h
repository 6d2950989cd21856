// What a study knows of single subnets beyond their scores on dev: scores on test, fresh times, and
// how far off the predicted times were.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "study/study_file.h"
#include "study/latency/model.h"
#include "study/pareto.h"

namespace concertina {

struct SubnetResults {
  std::map<std::string, TestScore> test;  // by metric; empty: not scored with the current settings
  std::optional<FreshTime> time;
  std::optional<double> predicted_ms;      // by the frozen model, as the search saw it
  std::optional<double> corrected_ms;      // predicted_ms times the latest check's scale
  std::optional<double> prediction_error;  // (predicted - measured) / measured, of one workload

  bool complete() const { return !test.empty() && time.has_value(); }
};

// How a limit on the time itself becomes one on the prediction: prediction * scale * (1 + margin)
// has to stay within it.
struct TimeTerms {
  std::optional<LatencyPoint> workload;  // what the prediction is for; absent: no latency model
  double scale = 1;                      // of the latest check
  double margin = 0;

  double predicted_limit(double limit_ms) const { return limit_ms / (scale * (1 + margin)); }
};

struct FrontResults {
  // Scores are those of looks with the newest look's settings, times those of
  // the newest time's workload; the newest of each counts.
  std::unordered_map<Architecture, std::map<std::string, TestScore>> test;
  std::unordered_map<Architecture, FreshTime> times;
  std::vector<Architecture> members;  // of both, in the order they were first scored or timed
  std::optional<LatencyPoint> workload;  // of the times
  int64_t looks = 0;  // how often test data was looked at
  std::optional<LatencyModel> model;
  std::optional<LatencyCheck> check;  // the latest

  SubnetResults of(const Architecture& architecture) const;
  // Without a margin of its own, a limit takes the model's: the upper end of its 90 % interval, so
  // that 95 % of held-out subnets stay within the limit. 0 where the model stores no error.
  TimeTerms time_terms(const TimeLimit& limit) const;
};

FrontResults front_results(const StudyFile& study);

// "85.02 [83.90, 86.10]", the interval where there is one; without the unit.
std::string score_number(std::string_view metric, const TestScore& score);

}  // namespace concertina
