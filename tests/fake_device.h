// A device beside the CPU, for machines that have none. Its memory is the host's and each operation
// is the CPU's; but as with a GPU, operations on tensors of both devices are errors, and what would
// make the host wait for the device is counted.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>

namespace concertina::testing {

at::Device fake_device();
// What tests that need a device beside the CPU run on: the device above or, with
// CONCERTINA_TEST_DEVICE=cuda:0, that one. Never both in a process: LibTorch has one accelerator.
at::Device other_device();
// So far: values read, copies that block, operations that make a shape out of values.
int64_t host_waits();

}  // namespace concertina::testing
