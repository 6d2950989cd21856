// Precision (core/precision.h) as a ScalarType. Parameters, gradients and moments are always fp32.
#pragma once

#include <ATen/ATen.h>

#include "core/precision.h"

namespace concertina {

// kAuto: bf16 where the device multiplies it in hardware (GPUs from compute capability 8), else fp32.
at::ScalarType scalar_type(Precision precision, at::Device device = at::kCPU);

}  // namespace concertina
