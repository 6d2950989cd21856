// Results of single subnets beyond their scores on dev: scores on test, latencies measured after
// the search (FreshTime), and the error of the predicted ones.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "study/budget.h"
#include "study/latency/model.h"
#include "study/study_file.h"

namespace concertina {

struct SubnetResults {
  std::map<std::string, TestScore> test;  // by metric; empty: not scored with the current settings
  std::optional<FreshTime> time;
  std::optional<double> predicted_ms;      // by the frozen model, as the search saw it
  std::optional<double> corrected_ms;      // predicted_ms times the latest check's scale
  std::optional<double> prediction_error;  // (predicted - measured) / measured, of one workload

  bool complete() const { return !test.empty() && time.has_value(); }
};

// Converts a limit on the time into one on the prediction: prediction * scale * (1 + margin) must
// not exceed it.
struct TimeTerms {
  std::optional<LatencyPoint> workload;  // of the prediction; absent: no latency model
  double scale = 1;                      // of the latest check
  double margin = 0;

  double predicted_limit(double limit_ms) const { return limit_ms / (scale * (1 + margin)); }
};

struct FrontResults {
  // Scores of the evaluations on test that have the newest one's settings; latencies of the newest
  // one's workload. Of several for one subnet the newest is used.
  std::unordered_map<Architecture, std::map<std::string, TestScore>> test;
  std::unordered_map<Architecture, FreshTime> times;
  std::vector<Architecture> members;     // of both, in the order they were first scored or timed
  std::optional<LatencyPoint> workload;  // of the times
  int64_t looks = 0;                     // number of evaluations on test
  std::optional<LatencyModel> model;
  std::optional<LatencyCheck> check;  // the latest

  SubnetResults of(const Architecture& architecture) const;
  // A limit without a margin takes the model's: the upper end of its 90 % interval, so that 95 % of
  // held-out subnets stay within the limit. 0 where the model stores no error.
  TimeTerms time_terms(const TimeLimit& limit) const;
};

FrontResults front_results(const StudyFile& study);

// Adds results to complete trials: scores on test as "test.NAME", measured latencies as
// latency.p50_ms.
void add_results(const FrontResults& results, std::span<Trial> trials);

}  // namespace concertina
