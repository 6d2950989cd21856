#include "eval/encoded_batches.h"

#include <algorithm>

#include "eval/task.h"

namespace concertina {

size_t encoded_batch_end(std::span<const int64_t> lengths, size_t first) {
  constexpr int64_t kBatchSamples = 60 * kTaskSampleRate;
  size_t end = first + 1;
  int64_t longest = lengths[first];
  for (; end < lengths.size(); ++end) {
    longest = std::max(longest, lengths[end]);
    if (longest * static_cast<int64_t>(end + 1 - first) > kBatchSamples) break;
  }
  return end;
}

}  // namespace concertina
