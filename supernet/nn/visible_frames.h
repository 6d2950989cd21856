// The frames of a batch that the encoder sees: not those that a mask replaces, nor those of
// padding. The convolutions of the front end run over these alone. A frame's receptive field
// reaches little beyond its own samples (80 of 400), so that runs of frames, cut where a row is
// full, repeat little.
//
// A block is one step of the convolutions up to the last whose kernel is longer than its stride: 80
// samples, four blocks a frame in HuBERT's stack. The convolutions after it only join blocks.
#pragma once

#include <ATen/ATen.h>

#include <optional>

#include "supernet/space/blueprint.h"

namespace concertina {

// How the stack is run over blocks. A group norm's statistics are of all samples: its convolution
// runs over everything, and blocks are of its results (16 of them).
struct StackParts {
  size_t whole = 0;        // convolutions [0, whole) run over everything
  size_t overlapping = 0;  // [whole, overlapping) over blocks, the rest over what they make of them
  int64_t hop = 1;         // inputs of [whole, overlapping) in a block
  int64_t frame_blocks = 1;  // blocks in a frame
  int64_t context = 0;       // blocks after a result's own in its receptive field
};
StackParts parts_of(const WaveFrontEnd& wave);

// Rows of blocks to run over: R rows of U, whose R * (U - context) results are then picked from, P
// a row.
struct VisibleFrames {
  at::Tensor blocks;       // [R * U] int64, of the batch: B rows of `row_blocks`; fills up with 0
  at::Tensor picks;        // [R * P] int64, of the results, frame after frame; fills up with 0
  at::Tensor frames;       // [n] int64, n <= R * P / frame_blocks, of the batch: B rows of T
  int64_t rows = 0;        // R
  int64_t row_blocks = 0;  // of the batch, whose rows are filled up with zeros for it
};

// lengths [B] int64: valid samples of each clip, in rows of `samples`. mask [B, T or more] bool,
// true where a frame is replaced; undefined: nowhere. Both are on the CPU, and so is the result. At
// least one frame is visible. Nothing for a front end without convolutions. Thread-safe.
std::optional<VisibleFrames> visible_frames(const Blueprint& blueprint, const at::Tensor& lengths,
                                            int64_t samples, const at::Tensor& mask);

}  // namespace concertina
