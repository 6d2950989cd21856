// Means of gradients over the processes of a run, made while backward still goes on: the flat
// gradient is cut into buckets, and a bucket is sent as soon as every slice of the step that falls
// into it has been added. Every process samples the same subnets, so all send the same buckets in
// the same order. Does nothing in a run of one process. Not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "distill/train/communicator.h"
#include "supernet/model/parameters.h"

namespace concertina {

class GradientExchange {
 public:
  // All must outlive it. `bucket`: elements, about.
  GradientExchange(Communicator& communicator, const Parameters& parameters, Gradients& gradients,
                   int64_t bucket = int64_t{4} << 20);

  Gradients& gradients() { return gradients_; }
  void expect(const std::string& parameter);   // one more slice of it comes in this step
  void arrived(const std::string& parameter);  // it came
  // Sends the buckets of which slices are still missing (gradients that backward never made), waits
  // for all and divides by the number of processes. Afterwards nothing is expected.
  void finish();

 private:
  struct Bucket {
    int64_t begin = 0, end = 0;  // of the flat gradient
    int64_t missing = 0;
    bool used = false;  // something was expected in this step
    Communicator::Wait sent;
  };
  void send(Bucket& bucket);
  at::Tensor part(const Bucket& bucket) const;

  Communicator& communicator_;
  Gradients& gradients_;
  std::vector<Bucket> buckets_;
  std::unordered_map<std::string, size_t> bucket_of_;
};

}  // namespace concertina
