// What the processes of one training run tell each other. One thread a process calls it, and every
// process makes the same calls in the same order; results are the same bits everywhere. A process
// that is gone, or silent for too long, is a SystemError at the others.
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
  virtual int32_t size() const = 0;
  bool alone() const { return size() == 1; }
  bool first() const { return rank() == 0; }  // the one that writes files

  // Begins to replace a contiguous tensor by its sum over the processes; calling the result waits
  // for it: on a GPU its stream does, and not the caller. Until then the tensor is not to be
  // touched.
  virtual Wait begin_sum(const at::Tensor& tensor) = 0;
  // Replaces a contiguous tensor by rank 0's.
  virtual void broadcast(const at::Tensor& tensor) = 0;

  // The first process works while the others wait for its end, however long that takes: they ask
  // whether it is still alive. SystemError at the others when it is not, or when `work` throws.
  virtual void first_does(const std::function<void()>& work) = 0;

  void sum(const at::Tensor& tensor) { begin_sum(tensor)(); }
  void barrier();
};

// How long a process waits for an answer before it takes another for lost.
inline constexpr std::chrono::minutes kAnswerTime{15};

bool has_process_groups();  // whether this program was built with the headers of Gloo
std::unique_ptr<Communicator> lone_communicator();
// Meets the others, through Gloo and, for tensors on GPUs, NCCL; lone where there are none.
// SystemError when they cannot be met, or the program was built without the headers of either.
std::unique_ptr<Communicator> make_communicator(
    const Launch& launch, std::chrono::milliseconds answer_time = kAnswerTime);

}  // namespace concertina
