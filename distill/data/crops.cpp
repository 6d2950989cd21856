#include "distill/data/crops.h"

#include <algorithm>

#include "core/errors.h"

namespace concertina {

CropSource::CropSource(const BatchInputs& inputs)
    : reader_(inputs.clips, inputs.blueprint, inputs.contents),
      crops_(inputs.options.crops),
      frames_(reader_.frames_of(inputs.options.seconds)),
      rng_(inputs.rng),
      shard_(inputs.shard) {
  if (reader_.encoder_frames(frames_) < 1) {
    throw InputError("batch.seconds is shorter than one frame of the model");
  }
}

TrainingBatch CropSource::at(int64_t step) const {
  const auto number = static_cast<uint64_t>(step);
  Rng rng = rng_.fork("crops", number);
  TrainingBatch batch = reader_.empty_batch(crops_, frames_);
  batch.seconds = reader_.seconds_of(crops_ * frames_);
  const auto locate = [&](int32_t attempt, Rng& row_rng, Rng& retry_rng) {
    const int64_t first = reader_.clips().draw(frames_, row_rng);
    return RowReader::Part{attempt == 0 ? first : reader_.clips().draw(frames_, retry_rng),
                           frames_};
  };
  reader_.read_shard(locate, rng, rng_.fork("augmentation", number), shard_, batch);
  reader_.plan_visible_frames(batch.speech);
  return batch;
}

int64_t CropSource::batch_count(int32_t clips) const { return std::max(1, clips / crops_); }

}  // namespace concertina
