// Measured latency of extracted subnets on this machine.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/machine.h"
#include "core/precision.h"
#include "core/stop.h"
#include "study/latency/point.h"
#include "supernet/model/supernet.h"

namespace concertina {

inline constexpr Bounds kLatencyPoints{1, 100000};
inline constexpr Bounds kLatencySeconds{0.1, 3600};
inline constexpr Bounds kLatencyRepetitions{1, 1000000};

// `concertina config latency` says what each option is.
struct LatencyOptions {
  int32_t points = 60;
  int32_t threads = 1;
  double seconds = 4;
  Precision dtype = Precision::kFp32;
  int32_t warmup = 3, repetitions = 15;
  static LatencyOptions from_config(ConfigSection section);
};
const OptionTable<LatencyOptions>& latency_table();

// Times one forward pass of each architecture as an extracted subnet: rounds over all of them
// interleave the repetitions, so that a slow spell of the machine hits all alike (in portions when
// the subnets do not fit into memory together). Run it with no other worker active. Interrupted
// when a stop was asked for.
std::vector<LatencyPoint> profile_latency(
    const Supernet& supernet, const std::vector<Architecture>& architectures,
    const LatencyOptions& options, const StopToken& stop,
    const std::function<void(int64_t done, int64_t total)>& progress = {});
// smallest, largest, default and random members of the space, without repeats.
std::vector<Architecture> profile_architectures(const SearchSpace& space, int32_t points,
                                                uint64_t seed);

}  // namespace concertina
