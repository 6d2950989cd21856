// Predicted latency: ridge regression on closed-form features of an architecture. Frozen once
// fitted and hashed, so that it can be an objective: the same architecture always has the same
// prediction.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "db/trial.h"
#include "supernet/space/blueprint.h"

namespace concertina {

struct LatencyFit {
  double mape = 0;  // mean absolute relative error on held-out points (leave-one-out): 0.05 is 5 %
  double kendall_tau = 0;  // rank agreement on held-out points
  int64_t points = 0;
};

class LatencyModel {
 public:
  // All points must share device, threads, seconds and dtype; at least 8. InputError otherwise.
  static LatencyModel fit(const Blueprint& blueprint, std::span<const LatencyPoint> points,
                          LatencyFit* quality = nullptr);
  static LatencyModel from_json(std::string_view json);
  std::string to_json() const;  // canonical
  std::string sha256() const;   // of to_json()
  const LatencyPoint& workload() const {
    return workload_;
  }  // device, threads, seconds, dtype; the rest is empty
  double predict_ms(const Architecture& architecture) const;  // p50 of the profiled workload, >= 0

 private:
  Blueprint blueprint_;
  LatencyPoint workload_;                       // device, threads, seconds, dtype of the points
  double intercept_ = 0;                        // ms
  std::vector<double> weights_, mean_, scale_;  // of the standardised features
};

double kendall_tau(std::span<const double> a, std::span<const double> b);  // tau-b

}  // namespace concertina
