// Reads the rows of batches from the joined clips: audio, mask, units and targets, augmented where
// asked.
#pragma once

#include <cstdint>
#include <functional>

#include "core/rng.h"
#include "distill/data/batch_source.h"
#include "distill/data/read_failures.h"

namespace concertina {

// `clips` must outlive it. Thread-safe.
class RowReader {
 public:
  struct Part {  // of the joined clips, in base frames
    int64_t first = 0, frames = 0;
  };
  // The part that a row is read from. It draws the same numbers from `rng` at every attempt. After
  // attempt 0, which failed, it draws another part from `retry_rng`.
  using Locate = std::function<Part(int32_t attempt, Rng& rng, Rng& retry_rng)>;

  RowReader(const JoinedClips& clips, const Blueprint& blueprint, BatchContents contents);

  const JoinedClips& clips() const { return clips_; }
  int64_t frames_of(double seconds) const;       // base frames of audio, rounded
  int64_t encoder_frames(int64_t frames) const;  // given for `frames` base frames of audio
  double seconds_of(int64_t frames) const;
  double seconds_of_row(const TrainingBatch& batch, int64_t row) const;  // without padding

  // Silence: `rows` of `frames` base frames.
  TrainingBatch empty_batch(int64_t rows, int64_t frames) const;
  // Reads one row. The augmentation has the row's own generator, so that rows do not share draws.
  void read_row(const Locate& locate, Rng& rng, const Rng& augmentation_rng, int64_t row,
                TrainingBatch& batch) const;
  // Reads the rows of a shard. As many numbers are drawn as for all rows of all shards, so that the
  // shards together are the batch that one process would have.
  void read_shard(const Locate& locate, Rng& rng, const Rng& augmentation_rng,
                  const BatchShard& shard, TrainingBatch& batch) const;
  // Once all rows are read: the frames that the front end has to compute.
  void plan_visible_frames(SpeechBatch& speech) const;

 private:
  void read_part(const Part& part, Rng& rng, int64_t row, TrainingBatch& batch) const;
  void augment_row(const Rng& rng, int64_t row, TrainingBatch& batch) const;

  const JoinedClips& clips_;
  Blueprint blueprint_;
  int64_t frame_samples_;
  BatchContents contents_;
  mutable ReadFailures failures_;
};

}  // namespace concertina
