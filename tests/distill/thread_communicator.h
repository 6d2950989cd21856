// The processes of one run as threads of a test.
#pragma once

#include <barrier>
#include <vector>

#include "distill/train/communicator.h"

namespace concertina::testing {

struct ThreadGroup {
  explicit ThreadGroup(int32_t size) : barrier(size), tensors(static_cast<size_t>(size)) {}
  std::barrier<> barrier;
  std::vector<at::Tensor> tensors;  // of the current collective, by rank
};

class ThreadCommunicator : public Communicator {
 public:
  ThreadCommunicator(ThreadGroup& group, int32_t rank) : group_(group), rank_(rank) {}
  int32_t rank() const override { return rank_; }
  int32_t world_size() const override { return static_cast<int32_t>(group_.tensors.size()); }
  Wait all_reduce_async(const at::Tensor& tensor) override {
    return [this, tensor] {
      at::Tensor sum = at::zeros_like(tensor);
      for (const at::Tensor& part : all_gather(tensor)) sum.add_(part);
      tensor.copy_(sum);
    };
  }
  void broadcast_from(int32_t from, const at::Tensor& tensor) override {
    tensor.copy_(all_gather(tensor)[static_cast<size_t>(from)]);
  }
  void run_on_rank_zero(const std::function<void()>& work) override {
    if (is_rank_zero()) work();
    group_.barrier.arrive_and_wait();
  }

 private:
  std::vector<at::Tensor> all_gather(const at::Tensor& tensor) {
    group_.tensors[static_cast<size_t>(rank_)] = tensor.clone();
    group_.barrier.arrive_and_wait();
    const auto tensors = group_.tensors;
    group_.barrier.arrive_and_wait();
    return tensors;
  }
  ThreadGroup& group_;
  int32_t rank_;
};

}  // namespace concertina::testing
