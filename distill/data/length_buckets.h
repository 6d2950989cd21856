// Clips of like length together, so that a batch of them has little or no padding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace concertina {

// Indices of clips by their length, ascending; in a bucket the longest is at most 1.15 times the
// shortest. Lengths below `shortest` are in none.
std::vector<std::vector<size_t>> length_buckets(const std::vector<int64_t>& lengths,
                                                int64_t shortest);

}  // namespace concertina
