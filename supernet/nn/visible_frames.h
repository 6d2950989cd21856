// The visible frames of a batch: neither replaced by the mask embedding nor padding. The front end
// computes convolutions for these alone. Receptive fields of neighbouring frames overlap by 80 of
// 400 samples, so that runs of frames, cut where a row is full, repeat little work.
//
// A block is one step of the convolutions up to the last whose kernel is longer than its stride: 80
// samples, four blocks a frame in HuBERT's stack. The convolutions after it only merge blocks.
#pragma once

#include <ATen/ATen.h>

#include <optional>

#include "supernet/space/blueprint.h"

namespace concertina {

// How the stack runs over blocks. A group norm needs the statistics of all samples: its convolution
// runs over the whole waveform, and a block is 16 of its outputs.
struct StackParts {
  size_t whole = 0;          // convolutions [0, whole) run over the whole waveform
  size_t overlapping = 0;    // [whole, overlapping) run over blocks, the rest over their outputs
  int64_t hop = 1;           // inputs of [whole, overlapping) in a block
  int64_t frame_blocks = 1;  // blocks in a frame
  int64_t context = 0;       // blocks of a receptive field after an output's own
};
StackParts parts_of(const WaveFrontEnd& wave);

// Gather indices: R rows of U blocks of the batch, then P of the U - context outputs of each row.
struct VisibleFrames {
  at::Tensor blocks;       // [R * U] int64, into the batch's B rows of `row_blocks`; padded with 0
  at::Tensor picks;        // [R * P] int64, into the outputs, frame by frame; padded with 0
  at::Tensor frames;       // [n] int64, n <= R * P / frame_blocks, into the batch's B rows of T
  int64_t rows = 0;        // R
  int64_t row_blocks = 0;  // blocks of a clip, whose samples are zero-padded to them
};

// lengths [B] int64: valid samples of each clip, in rows of `samples`. mask [B, T or more] bool,
// true where a frame is replaced; undefined: nowhere. Inputs and result are on the CPU. At least
// one frame is visible. None for a front end without convolutions. Thread-safe.
std::optional<VisibleFrames> visible_frames(const Blueprint& blueprint, const at::Tensor& lengths,
                                            int64_t samples, const at::Tensor& mask);

}  // namespace concertina
