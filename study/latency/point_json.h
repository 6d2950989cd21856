// A measured latency as JSON, as `study dump` and `latency export` write it.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "study/latency/point.h"

namespace concertina {

// All fields by name, the architecture as its key.
nlohmann::ordered_json latency_point_json(const LatencyPoint& point);

}  // namespace concertina
