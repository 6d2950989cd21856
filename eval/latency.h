// Measured latency of extracted subnets on this machine.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/machine.h"
#include "core/stop.h"
#include "eval/options.h"
#include "study/latency/point.h"
#include "supernet/model/supernet.h"

namespace concertina {

// Times one forward pass of each architecture as an extracted subnet: rounds over all of them
// interleave the repetitions, so that a temporary slowdown of the machine affects all alike (in
// portions when the subnets do not fit into memory together). It runs in a new thread,
// whose heap glibc starts empty: in the fragmented heap of a process that has scored clips, small
// subnets take up to 1.3 times as long as in a new process. `progress` is called there. Run it with
// no other worker active. Interrupted when a stop was asked for.
std::vector<LatencyPoint> profile_latency(
    const Supernet& supernet, const std::vector<Architecture>& architectures,
    const LatencyOptions& options, const StopToken& stop,
    const std::function<void(int64_t done, int64_t total)>& progress = {});
// smallest, largest, default and random members of the space, without repeats.
std::vector<Architecture> profile_architectures(const SearchSpace& space, int32_t points,
                                                uint64_t seed);

}  // namespace concertina
