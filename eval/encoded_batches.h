// Inside eval: which clips a model encodes at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace concertina {

// The end of the batch that begins with clip `first` of clips of these lengths, in samples: at most a
// minute, padding included, and one clip at least. Where all are in the order of their lengths, a list of
// whole batches has the same batches as they have alone.
size_t encoded_batch_end(std::span<const int64_t> lengths, size_t first);

}  // namespace concertina
