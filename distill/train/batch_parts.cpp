#include "distill/train/batch_parts.h"

#include <algorithm>

namespace concertina {
namespace {

bool has_equal_lengths(const at::Tensor& lengths) {
  const int64_t* length = lengths.const_data_ptr<int64_t>();
  return std::all_of(length, length + lengths.numel(), [&](int64_t l) { return l == *length; });
}

}  // namespace

std::vector<TrainingBatch> equal_parts(const TrainingBatch& batch, const Blueprint& blueprint,
                                       int32_t count) {
  const int64_t rows = batch.speech.waveform.size(0);
  if (count < 2 || rows % count != 0 || !has_equal_lengths(batch.speech.lengths)) return {batch};
  const int64_t size = rows / count;
  std::vector<TrainingBatch> parts;
  for (int64_t first = 0; first < rows; first += size) {
    TrainingBatch part = batch;
    part.speech.visible.reset();  // its indices are the whole batch's
    for_each_tensor(part, [&](at::Tensor& tensor) { tensor = tensor.narrow(0, first, size); });
    part.speech.lengths = batch.speech.lengths.narrow(0, first, size);
    part.seconds = batch.seconds / count;
    if (batch.speech.visible) part.speech.visible = visible_frames(blueprint, part.speech);
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace concertina
