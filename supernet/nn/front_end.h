// From waveform to features at the base frame period.
#pragma once

#include <ATen/ATen.h>

#include "supernet/nn/visible_frames.h"
#include "supernet/nn/weights.h"

namespace concertina {

// How the zeros that fill a batch up to its longest member are treated.
enum class Padding {
  kExact,      // a member's frames depend on its own samples only: it gives what it gives alone
  kOriginal,   // fairseq, WavLM's and LightHuBERT's packages
  kOriginalHf  // transformers, with its attention_mask. (Without one it takes padding for audio:
               // that is a batch whose lengths are all N.)
};

struct Features {
  at::Tensor x;        // [B, T, C], before the projection
  at::Tensor lengths;  // [B] int64 on the CPU, valid base frames
};

// waveform [B, N] float, lengths [B] int64 on the CPU (valid samples). Both original kinds take the
// statistics of the group norm over the padding too. They differ in the frames that count as valid:
// transformers counts what the convolutions make of the valid samples, the fairseq family cuts the
// N samples into T parts of N / T (rounded down) and counts the parts that hold a valid sample.
// visible, where given, says which frames' features are made; the others are zero. Exact padding
// only. conv_outputs, where wanted, receives what each convolution's norm and GELU hand on, [B, T',
// C'].
Features front_end(const Blueprint& blueprint, const EncoderWeights& weights,
                   const at::Tensor& waveform, const at::Tensor& lengths,
                   Padding padding = Padding::kExact,
                   std::vector<at::Tensor>* conv_outputs = nullptr,
                   const VisibleFrames* visible = nullptr);

}  // namespace concertina
