// AdamW's moments divided among the processes of a run (ZeRO stage 1, Rajbhandari et al. 2020): each
// keeps those of one range of the flat buffers and updates the parameters there, and then sends these
// to all. Every process makes each of these calls.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>

#include "distill/train/adamw.h"
#include "distill/train/communicator.h"

namespace concertina {

// Of `numel` elements the part of one process: equal parts, but for multiples of 64 elements.
ElementRange moment_range(int64_t numel, int32_t rank, int32_t world_size);

// Replaces each process's range of a flat buffer by that process's values.
void share_ranges(Communicator& communicator, const at::Tensor& flat);

// Rank 0 gets the moments of all processes in memory of the CPU: [numel]; the others an undefined
// tensor.
at::Tensor gather_moments(Communicator& communicator, const at::Tensor& own, int64_t numel);
// The inverse: `whole` is read at rank 0 alone.
void scatter_moments(Communicator& communicator, const at::Tensor& whole, const at::Tensor& own,
                     int64_t numel);

}  // namespace concertina
