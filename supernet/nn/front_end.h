// From waveform to features at the base frame period.
#pragma once

#include <ATen/ATen.h>

#include "supernet/nn/visible_frames.h"
#include "supernet/nn/weights.h"

namespace concertina {

// How the zero padding of a batch is treated.
enum class Padding {
  kExact,     // a clip's frames depend on its own samples only, as in a batch of one
  kOriginal,  // as fairseq, WavLM's and LightHuBERT's packages
  // As transformers with its attention_mask. (Without one it treats padding as audio: that is a
  // batch whose lengths are all N.)
  kOriginalHf
};

struct Features {
  at::Tensor x;        // [B, T, C], before the projection; Whisper's: two mel frames in a row
  at::Tensor lengths;  // [B] int64 on the CPU, valid base frames
};

// waveform [B, N] float, lengths [B] int64 on the CPU (valid samples). Both original kinds include
// the padding in the statistics of the group norm. They differ in the valid frames: transformers
// counts the frames that the convolutions give for the valid samples, fairseq splits the N samples
// into T parts of N / T (rounded down) and counts the parts that hold a valid sample. Whisper's
// front end takes the padding for audio under both. `visible`,
// when given: the frames to compute features of; the others are zero. Exact padding only.
// `conv_outputs`, when given, receives the output of each convolution after norm and GELU, [B, T',
// C']. `mean_square`, when given, receives the mean square of the last one's output (0-d fp32) over
// the computed frames, padding among them; only the convolutions of the waveform have one.
Features front_end(const Blueprint& blueprint, const EncoderWeights& weights,
                   const at::Tensor& waveform, const at::Tensor& lengths,
                   Padding padding = Padding::kExact,
                   std::vector<at::Tensor>* conv_outputs = nullptr,
                   const VisibleFrames* visible = nullptr, at::Tensor* mean_square = nullptr);

}  // namespace concertina
