// Averages gradients over the processes of a run during the backward pass: the flat gradient is cut
// into buckets, and the all-reduce of a bucket starts as soon as every slice of the step that falls
// into it has been accumulated. Every process samples the same subnets, so all reduce the same
// buckets in the same order. Does nothing in a run of one process. Not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "distill/train/communicator.h"
#include "supernet/model/parameters.h"

namespace concertina {

class GradientReducer {
 public:
  // All must outlive it. `bucket`: approximate size, in elements.
  GradientReducer(Communicator& communicator, const Parameters& parameters, Gradients& gradients,
                  int64_t bucket = int64_t{4} << 20);

  Gradients& gradients() { return gradients_; }
  // While deferred, gradients are accumulated only: for all but the last batch of a step.
  void defer(bool deferred) { deferred_ = deferred; }
  void expect_slice(
      const std::string& parameter);  // one more slice of it has a gradient in this step
  void mark_ready(const std::string& parameter);  // the gradient of one of them is accumulated
  // Reduces the buckets with slices still missing (parameters that got no gradient in backward),
  // waits for all and divides by the world size. Afterwards no slice is expected.
  void finish();

 private:
  struct Bucket {
    int64_t begin = 0, end = 0;  // of the flat gradient
    int64_t missing = 0;         // slices
    bool used = false;           // a slice was expected in this step
    Communicator::Wait wait;     // of its all-reduce; empty before that starts
  };
  void start_reduction(Bucket& bucket);
  at::Tensor gradient_of(const Bucket& bucket) const;

  Communicator& communicator_;
  Gradients& gradients_;
  std::vector<Bucket> buckets_;
  std::unordered_map<std::string, size_t> bucket_of_;
  bool deferred_ = false;
};

}  // namespace concertina
