// Length buckets: clips of similar length, so that their batches have little or no padding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "distill/data/batch_source.h"

namespace concertina {

// Indices of clips by their length, ascending; in a bucket the longest is at most 1.15 times the
// shortest. Lengths below `shortest` are in none.
std::vector<std::vector<size_t>> length_buckets(const std::vector<int64_t>& lengths,
                                                int64_t shortest);

// The clips by the number of base frames that are read of them, at most `longest`. Those shorter
// than `shortest` seconds of the options are left out; InputError when none is left.
std::vector<std::vector<size_t>> buckets_of_clips(const BatchInputs& inputs, int64_t longest);

}  // namespace concertina
