// Dropout and layer drop of a training pass.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string_view>

#include "core/rng.h"

namespace concertina {

// Probabilities; 0: off. Names in fairseq: docs/training.md.
struct DropoutRates {
  double input = 0;       // of the encoder's input channels, before masking
  double hidden = 0;      // of the first layer's input, and of what attention and FFN add
  double attention = 0;   // of attention weights
  double activation = 0;  // of FFN neurons
  double layer = 0;       // that a layer is skipped
  bool operator==(const DropoutRates&) const = default;
};

// Where elements are dropped; each place of each layer has draws of its own.
enum class DropoutPlace { kInput, kEncoderInput, kAttention, kAttentionOutput, kFfn, kFfnOutput };

// The draws of one training pass of one subnet. They depend on the generator, place, layer and row of the
// step's batch only, so a recomputed layer has the same ones, and so do the rows of a batch that
// several processes share. Immutable: thread-safe.
class Dropout {
 public:
  Dropout() = default;  // nothing is dropped
  // `first_row`: of this process's batch, among the rows of all processes.
  Dropout(const DropoutRates& rates, const Rng& rng, int64_t first_row);

  const DropoutRates& rates() const { return rates_; }
  // x [B, ..], times 0 with probability `rate`, else times 1 / (1 - rate); x itself for rate 0. On
  // another device than the CPU the draws are those of the device's generator.
  at::Tensor apply(const at::Tensor& x, double rate, DropoutPlace place, int32_t layer = 0) const;
  // The same decision in all processes. `layer`: its index in the supernet.
  bool skips(int32_t layer) const;

 private:
  DropoutRates rates_;
  Rng rng_;
  int64_t first_row_ = 0;
};

}  // namespace concertina
