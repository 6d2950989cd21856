// The precision that a training run computes in. Parameters, gradients and moments are always fp32.
#pragma once

#include <ATen/ATen.h>

#include <string>

namespace concertina {

// "fp32", "bf16", or "auto": bf16 on CUDA and where the CPU multiplies bf16 in hardware. InputError
// otherwise.
at::ScalarType training_dtype(const std::string& name, at::Device device);

}  // namespace concertina
