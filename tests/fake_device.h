// A device beside the CPU, for machines that have none. Its memory is the host's and each operation
// is the CPU's; but as with a GPU, operations on tensors of both devices are errors, and what would
// make the host wait for the device is counted.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

namespace concertina::testing {

at::Device fake_device();
// The device above, and the machine's GPU where LibTorch finds one.
std::vector<at::Device> other_devices();
// So far: values read, copies that block, operations that make a shape out of values.
int64_t host_waits();

}  // namespace concertina::testing
