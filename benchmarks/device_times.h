// Where a GPU's time goes: kernels and copies while this object records, by LibTorch's profiler.
#pragma once

#include <cstdint>
#include <vector>

#include "benchmarks/op_times.h"

namespace concertina {

struct DeviceProfile {
  double span = 0;    // seconds from the first kernel's start to the last one's end
  double busy = 0;    // of them, with a kernel or a copy running
  int64_t waits = 0;  // calls in which the host waited for the device
  std::vector<OpTime> operators, kernels;  // sorted; kernels under the operator that queued them
};

// One at a time. The caller waits for the device before both ends.
class DeviceTimes {
 public:
  DeviceTimes();
  DeviceProfile stop();
};

}  // namespace concertina
