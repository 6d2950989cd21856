// Training data of one step: crops of the joined clips or whole clips (distill/data/whole_clips.h),
// augmented where asked, their masks and units.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "core/rng.h"
#include "distill/data/options.h"
#include "distill/data/read_failures.h"
#include "distill/data/target_cache.h"
#include "speech/augmentation.h"
#include "speech/joined_clips.h"
#include "speech/mask.h"
#include "supernet/model/forward.h"

namespace concertina {

struct Crops {
  SpeechBatch speech;  // mask undefined where nothing is masked
  at::Tensor clean;   // what a teacher hears: the waveform before augmentation; undefined: the same
  at::Tensor units;   // [B, T] int64; undefined without units
  at::Tensor target;  // [B, T, D] fp32 from a cache; undefined: the teacher is asked
  double seconds = 0;  // of audio
};

// What a batch holds beside audio.
struct BatchContents {
  std::optional<MaskOptions> mask;
  at::Tensor units;                            // [total_frames] int16 of the clips, or undefined
  std::shared_ptr<const TargetCache> targets;  // of the clips, or null
  std::shared_ptr<const Augmentation> augmentation;  // of the waveform, or null
};

// The part of every step's audio that one of several processes trains on.
struct BatchShare {
  int32_t part = 0, of = 1;
};

// Where batches come from. A step's batch depends on the seed, the step, the share and which clips
// can be read: in place of one that cannot, another is drawn from numbers of its own, so that nothing
// else changes. SystemError when too many cannot (ReadFailures). Thread-safe.
class BatchSource {
 public:
  virtual ~BatchSource() = default;
  virtual Crops at(int64_t step) const = 0;
  virtual int64_t batches_of(int32_t clips) const = 0;  // about so many crops or clips; at least 1
};

// Crops of the joined clips. `clips` must outlive it. Shares of n crops are together the batch that
// one process would have of all their crops.
class CropSource : public BatchSource {
 public:
  CropSource(const JoinedClips& clips, const Blueprint& blueprint, const BatchOptions& batch,
             BatchContents contents, const Rng& rng, BatchShare share = {});
  Crops at(int64_t step) const override;
  int64_t batches_of(int32_t clips) const override;

 private:
  void fill_row(int64_t first, Rng& rng, const Rng& augmenting, int64_t row, Crops& crops) const;
  const JoinedClips& clips_;
  int32_t crops_;
  Blueprint blueprint_;
  // Frames of a crop: in the stream, out of the encoder.
  int64_t frame_samples_, stream_frames_, frames_;
  BatchContents contents_;
  Rng rng_;
  BatchShare share_;
  mutable ReadFailures failures_;
};

// A batch of silence with room for `contents`: rows of `samples`, `frames` frames out of the model.
Crops empty_batch(int64_t rows, int64_t samples, int64_t frames, const BatchContents& contents);
// Fills one row of it from the stream: `samples` from frame `first` on, a mask drawn for its
// `frames` frames, their units and targets.
void read_row(const JoinedClips& clips, int64_t first, int64_t samples, int64_t frames,
              const BatchContents& contents, Rng& rng, int64_t row, Crops& batch);
void clear_row(int64_t row, Crops& batch);  // silence again, before a shorter part is read into it
// Once all rows are read: which frames the front end is asked for.
void note_visible(const Blueprint& blueprint, SpeechBatch& batch);
// Augments a row that was read: `rng` is the row's own, so that rows do not share their draws.
// Units, targets and `clean` stay those of the clean audio.
void augment_row(const JoinedClips& clips, const BatchContents& contents, const Rng& rng,
                 int64_t row, Crops& batch);

}  // namespace concertina
