// Collectives of the processes of one training run. One thread per process calls it, and every
// process makes the same calls in the same order; results are bit-identical on all ranks. When a
// process exits or times out, the others throw SystemError.
#pragma once

#include <ATen/ATen.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "core/launch.h"

namespace concertina {

class Communicator {
 public:
  using Wait = std::function<void()>;

  virtual ~Communicator() = default;
  virtual int32_t rank() const = 0;
  virtual int32_t world_size() const = 0;
  bool is_single_process() const { return world_size() == 1; }
  bool is_rank_zero() const { return rank() == 0; }  // the one that writes files

  // Starts to replace a contiguous tensor by its sum over the processes. Calling the result waits
  // for it: on a GPU its stream does, and not the caller. Until then the tensor must not be used.
  virtual Wait all_reduce_async(const at::Tensor& tensor) = 0;
  // Replaces a contiguous tensor by that of rank `from`.
  virtual void broadcast_from(int32_t from, const at::Tensor& tensor) = 0;
  void broadcast(const at::Tensor& tensor) { broadcast_from(0, tensor); }

  // Rank 0 runs `work` while the other ranks wait without a timeout, as long as its heartbeats
  // arrive. SystemError on the other ranks when heartbeats stop, or when `work` throws.
  virtual void run_on_rank_zero(const std::function<void()>& work) = 0;

  void all_reduce(const at::Tensor& tensor) { all_reduce_async(tensor)(); }
  void barrier();
};

// How long a process waits for another before the run fails.
inline constexpr std::chrono::minutes kCollectiveTimeout{15};

bool has_process_groups();  // whether this program was built with the headers of Gloo
std::unique_ptr<Communicator> single_process_communicator();
// Joins the processes of the launch through Gloo and, for tensors on GPUs, NCCL; that of a single
// process where there are no others. SystemError when the rendezvous fails, or the program was built
// without the headers of either.
std::unique_ptr<Communicator> make_communicator(
    const Launch& launch, std::chrono::milliseconds timeout = kCollectiveTimeout);

}  // namespace concertina
