// Collectives between GPUs, for programs that are built with the headers of NCCL and of CUDA's
// runtime.
#pragma once

#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include <chrono>
#include <cstdint>

namespace concertina {

// Collectives run on the device: wait() blocks the stream and not the caller. Throws c10::Error.
c10::intrusive_ptr<c10d::Backend> make_nccl(c10::intrusive_ptr<c10d::Store> store, int32_t rank,
                                            int32_t size, std::chrono::milliseconds timeout);

}  // namespace concertina
