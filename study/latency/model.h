// Predicted latency: a non-negative sum of closed-form features of an architecture, so that the
// prediction never decreases when the architecture grows. Once fitted it is frozen and hashed, so
// that it can be an objective: the same architecture always has the same prediction.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/hash.h"
#include "study/latency/held_out_error.h"
#include "study/latency/point.h"
#include "supernet/space/blueprint.h"

namespace concertina {

class LatencyModel {
 public:
  // InputError unless all points are of one workload and of at least 8 different subnets.
  static LatencyModel fit(const Blueprint& blueprint, std::span<const LatencyPoint> points);
  static LatencyModel from_json(std::string_view json);  // InputError when it is malformed
  std::string to_json() const;                           // canonical
  std::string sha256() const;                            // of to_json()
  // Only device, threads, seconds and dtype are set.
  const LatencyPoint& workload() const { return workload_; }
  // Absent in models of format 1, which stored none.
  const std::optional<LatencyError>& held_out() const { return held_out_; }
  double predict_ms(const Architecture& architecture) const;  // p50 of the profiled workload, > 0

 private:
  Blueprint blueprint_;
  LatencyPoint workload_;
  int32_t format_ = 0;
  double intercept_ = 0;              // ms
  std::vector<double> weights_;       // ms for one unit of each feature
  std::vector<double> mean_, scale_;  // format 1 only: its features are standardised
  std::optional<LatencyError> held_out_;
};

}  // namespace concertina
