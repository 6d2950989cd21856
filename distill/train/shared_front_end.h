// One pass through the front end for all subnets of a step with the same conv channels: their
// gradients are summed at its output and back-propagated through it once.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "supernet/model/forward.h"
#include "supernet/model/parameters.h"
#include "supernet/space/architecture.h"

namespace concertina {

// Indices of architectures, those with equal conv channels together; the first stays first.
std::vector<std::vector<size_t>> by_front_end(const std::vector<Architecture>& architectures);

// Not thread-safe.
struct SharedFrontEnd {
  Leaves leaves;
  TensorMap tensors;         // of the front end, statistics among them
  at::Tensor output;         // with its graph; undefined until the first subnet needs it
  Features cut;              // the same values as a leaf, where the subnets' gradients are summed
  bool every_frame = false;  // some subnet needs masked frames too
  double penalty = 0;        // weight of mean_square in the loss of each subnet
  at::Tensor mean_square;    // of the convolutions' output; undefined without penalty

  const Features& of(const Subnet& subnet, const SpeechBatch& batch);
  // After the backward passes of the subnets. `subnets`: how many there are.
  void backward(size_t subnets) const;
};

}  // namespace concertina
