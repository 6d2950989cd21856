// What a stage gets from the command line and the environment rather than from the config.
#pragma once

#include <c10/core/Device.h>

#include "core/launch.h"
#include "core/stop.h"

namespace concertina {

struct RunContext {
  StopToken stop;
  c10::Device device = c10::Device(c10::kCPU);  // of training
  Launch launch;                                // which process of a parallel run this is
};

}  // namespace concertina
