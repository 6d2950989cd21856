#include "study/latency/point.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "study/latency/point_json.h"

namespace concertina {

bool same_workload(const LatencyPoint& a, const LatencyPoint& b) {
  return a.device == b.device && a.threads == b.threads && a.seconds == b.seconds &&
         a.dtype == b.dtype;
}

std::string workload_text(const LatencyPoint& point) {
  if (point.device.empty()) return "a workload that was not recorded";
  return fmt::format("{}, {} thread{}, {:g} s of audio, {}", point.device, point.threads,
                     point.threads == 1 ? "" : "s", point.seconds, point.dtype);
}

nlohmann::ordered_json latency_point_json(const LatencyPoint& point) {
  return {{"architecture", point.architecture.key()},
          {"device", point.device},
          {"threads", point.threads},
          {"seconds", point.seconds},
          {"dtype", point.dtype},
          {"n", point.n},
          {"mean_ms", point.mean_ms},
          {"p50_ms", point.p50_ms},
          {"p95_ms", point.p95_ms},
          {"spread_ms", point.spread_ms}};
}

}  // namespace concertina
