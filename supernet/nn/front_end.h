// From waveform to features at the base frame period. Frames of one utterance depend on its valid
// samples only, so a padded batch gives what its members give alone.
#pragma once

#include <ATen/ATen.h>

#include "supernet/nn/weights.h"

namespace concertina {

struct Features {
  at::Tensor x;        // [B, T, C], before the projection
  at::Tensor lengths;  // [B] int64 on the CPU, valid base frames
};

// waveform [B, N] float, lengths [B] int64 on the CPU (valid samples).
Features front_end(const Blueprint& blueprint, const EncoderWeights& weights,
                   const at::Tensor& waveform, const at::Tensor& lengths);

}  // namespace concertina
