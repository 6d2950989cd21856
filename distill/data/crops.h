// Batches of crops of the joined clips, all of one length. A crop may span clips.
#pragma once

#include <cstdint>

#include "distill/data/batch_source.h"
#include "distill/data/row_reader.h"

namespace concertina {

// Thread-safe. The shards of a step are together the batch that one process would have of all their
// crops.
class CropSource : public BatchSource {
 public:
  // InputError when a crop is shorter than one frame of the encoder.
  explicit CropSource(const BatchInputs& inputs);
  TrainingBatch at(int64_t step) const override;
  int64_t batch_count(int32_t clips) const override;

 private:
  RowReader reader_;
  int32_t crops_;
  int64_t frames_;  // of a crop
  Rng rng_;
  BatchShard shard_;
};

}  // namespace concertina
