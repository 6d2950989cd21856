// Predicted latency: a non-negative sum of closed-form features of an architecture, so that more of
// anything is never predicted to be faster. Frozen once fitted and hashed, so that it can be an
// objective: the same architecture always has the same prediction.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "study/trial.h"
#include "supernet/space/blueprint.h"

namespace concertina {

// The model's error on subnets that it was not fitted on (nested cross-validation: the choice of
// the regularisation did not see them either).
struct LatencyError {
  int64_t points = 0;
  double mape = 0;         // mean absolute relative error: 0.05 is 5 %
  double kendall_tau = 0;  // rank agreement
  // measured / predicted lies in low..high for 90 % of them; at small numbers, for all
  double low = 1, high = 1;
  bool operator==(const LatencyError&) const = default;
};

class LatencyModel {
 public:
  // All points must share device, threads, seconds and dtype; at least 8 different subnets.
  // InputError otherwise.
  static LatencyModel fit(const Blueprint& blueprint, std::span<const LatencyPoint> points);
  static LatencyModel from_json(std::string_view json);  // InputError when it is malformed
  std::string to_json() const;                           // canonical
  std::string sha256() const;                            // of to_json()
  // device, threads, seconds, dtype; the rest is empty
  const LatencyPoint& workload() const { return workload_; }
  // Absent in models of format 1, whose stored error does not exist.
  const std::optional<LatencyError>& held_out() const { return held_out_; }
  double predict_ms(const Architecture& architecture) const;  // p50 of the profiled workload, > 0

 private:
  Blueprint blueprint_;
  LatencyPoint workload_;  // device, threads, seconds, dtype of the points
  int32_t format_ = 0;
  double intercept_ = 0;              // ms
  std::vector<double> weights_;       // ms for one unit of each feature
  std::vector<double> mean_, scale_;  // format 1 only: weights are of standardised features
  std::optional<LatencyError> held_out_;
};

// Whether two times are of the same device, threads, seconds and dtype.
bool same_workload(const LatencyPoint& a, const LatencyPoint& b);
std::string workload_text(const LatencyPoint& point);  // "a CPU, 1 thread, 4 s of audio, fp32"

double kendall_tau(std::span<const double> a, std::span<const double> b);  // tau-b

}  // namespace concertina
