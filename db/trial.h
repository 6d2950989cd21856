// The words of a study: trials, measured latencies, scores of the front.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "db/metric.h"
#include "supernet/space/architecture.h"
#include "supernet/space/genome.h"

namespace concertina {

// Facts by name: what a search was set to ("search.population" to "40"), what a metric depends on
// ("supernet" to its sha256).
using Facts = std::map<std::string, std::string>;
// What the values of each metric depend on beside the architecture.
using Fingerprints = std::map<std::string, Facts>;

// A subnet that a searcher asked for, on its way to become the trial of the same number.
struct Proposal {
  int64_t number = 0;  // 0-based, in ask order
  Architecture architecture;
  Genome genome;
  std::string fidelity = "full";
};

enum class TrialState { kComplete, kFailed };

struct Trial {
  int64_t number = 0;  // 0-based, in ask order
  Architecture architecture;
  Genome genome;
  std::string fidelity = "full";  // which data and how much; part of the fingerprint
  TrialState state = TrialState::kComplete;
  std::map<std::string, double> values;  // by metric name, on dev data
  std::string error;                     // for kFailed
  int64_t generation = 0;
  int32_t worker = 0;  // times and workers are left out of `dump --no-times`
  double wall_s = 0;
};

struct LatencyPoint {
  Architecture architecture;
  std::string device;  // CPU model name
  int32_t threads = 1;
  double seconds = 4;  // workload: audio length
  std::string dtype = "fp32";
  int32_t n = 0;  // timed repetitions
  double mean_ms = 0, p50_ms = 0, p95_ms = 0;
  double spread_ms = 0;  // interquartile range
};

// A score on test.
struct TestScore {
  double value = 0;
  double low = kUnknown, high = kUnknown;  // 95 % interval; NaN where there is none
  std::string setting = {};  // of the probe ("layer 1, shrinkage 0.001"), chosen without test data

  static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
};

struct FrontScore {
  Architecture architecture;
  std::map<std::string, TestScore> scores;
};

// One look at the test data: what was scored, with which settings, when. Looks are never replaced,
// so that their number says how often test was looked at.
struct TestLook {
  std::string date;         // UTC, "2026-01-31T12:00:00Z"; "" in studies of schema 1
  std::string scored_with;  // JSON: metrics, settings, model and data; "" in studies of schema 1
  std::string fingerprint;  // of scored_with, sha256; scores of two fingerprints do not compare
  std::vector<FrontScore> members;
};

// A member of the front timed after the search. In studies of schema 1 only p50_ms is known.
struct FreshTime {
  std::string date;
  LatencyPoint time;
};

// How fresh times compare with the frozen latency model's predictions.
struct LatencyCheck {
  std::string date;
  int64_t times = 0;
  int64_t outside = 0;  // of them, outside the prediction's 90 % interval
  double scale = 1;     // a prediction times this is the corrected one
};

}  // namespace concertina
