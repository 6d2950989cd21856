// The frames of a batch that anybody hears: not those that a mask replaces, nor those of padding.
// The convolutions of the front end run over these alone. A frame needs few samples beside its own
// (80 of 400), so that runs of frames, cut where a row is full, repeat little.
//
// A unit is one step of the convolutions up to the last whose kernel is longer than its stride: 80
// samples, four units a frame in HuBERT's stack. Those after it only join units.
#pragma once

#include <ATen/ATen.h>

#include <optional>

#include "supernet/space/blueprint.h"

namespace concertina {

// How the stack is run over units. A group norm's statistics are of all samples: its convolution
// runs over everything, and units are of its results (16 of them).
struct StackParts {
  size_t whole = 0;        // convolutions [0, whole) run over everything
  size_t overlapping = 0;  // [whole, overlapping) over units, the rest over what they make of them
  int64_t hop = 1;         // inputs of [whole, overlapping) in a unit
  int64_t frame_units = 1;
  int64_t more = 0;  // units that the last one's result needs after it
};
StackParts parts_of(const WaveFrontEnd& wave);

// Rows of units to run over: R rows of U, whose R * (U - more) results are then picked from.
struct HeardFrames {
  at::Tensor units;       // [R * U] int64, of the batch: B rows of `row_units`; fills up with 0
  at::Tensor picks;       // [R * P] int64, of the results, frame after frame; fills up with 0
  at::Tensor frames;      // [n] int64, n <= R * P / frame_units, of the batch: B rows of T
  int64_t rows = 0;       // R
  int64_t row_units = 0;  // of the batch, whose rows are filled up with zeros for it

  HeardFrames to(at::Device device) const;  // the host does not wait
};

// Of clips of `lengths` [B] int64 valid samples in rows of `samples`, with mask [B, T] bool, true
// where a frame is replaced, or undefined. Both are on the CPU, and so is the result. At least one
// frame is heard. Nothing for a front end without convolutions.
std::optional<HeardFrames> heard_frames(const Blueprint& blueprint, const at::Tensor& lengths,
                                        int64_t samples, const at::Tensor& mask);

}  // namespace concertina
