// Batches of audio for training and validation, with their masks, units and cached targets.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "core/rng.h"
#include "distill/data/options.h"
#include "distill/data/targets.h"
#include "speech/augmentation.h"
#include "speech/joined_clips.h"
#include "speech/mask.h"
#include "supernet/model/forward.h"

namespace concertina {

struct TrainingBatch {
  SpeechBatch speech;  // the student's input; mask undefined where nothing is masked
  at::Tensor clean;    // the teacher's input: the waveform before augmentation; undefined: the same
  at::Tensor units;    // [B, T] int64; undefined without units
  at::Tensor first;    // [B] int64: where each row begins in the joined clips, in base frames
  Rows rows;           // of teachers, from a cache; the teachers run for what is not there
  double seconds = 0;  // of audio
};

// Calls visit(at::Tensor&) for each defined tensor but the lengths, which stay on the CPU.
template <class Visit>
void for_each_tensor(TrainingBatch& batch, const Visit& visit) {
  for_each_device_tensor(batch.speech, visit);
  for (at::Tensor* tensor : {&batch.clean, &batch.units, &batch.first}) {
    if (tensor->defined()) visit(*tensor);
  }
  for (auto& [name, row] : batch.rows) visit(row);
}

// The contents of a batch in addition to audio.
struct BatchContents {
  std::optional<MaskOptions> mask;
  at::Tensor units;                        // [total_frames] int16 of the clips, or undefined
  std::shared_ptr<const Targets> targets;  // teacher rows of the clips, or null
  std::shared_ptr<const Augmentation> augmentation;  // of the waveform, or null
  bool live_rows = false;  // teachers run, on clean audio, for rows that `targets` lacks
};

// The part of each step's batch that one rank trains on.
struct BatchShard {
  int32_t index = 0, count = 1;
};

// A step's batch depends on the seed, the step, the shard and which clips can be read: a clip
// that cannot is replaced by one drawn from a separate generator, so that nothing else changes.
// SystemError when too many cannot (ReadFailures). Thread-safe.
class BatchSource {
 public:
  virtual ~BatchSource() = default;
  virtual TrainingBatch at(int64_t step) const = 0;
  // Number of batches that hold about `clips` crops or clips; at least 1.
  virtual int64_t batch_count(int32_t clips) const = 0;
};

// What a source is made from. `clips` must outlive it.
struct BatchInputs {
  const JoinedClips& clips;
  Blueprint blueprint;
  BatchOptions options;
  BatchContents contents;
  Rng rng;
  BatchShard shard = {};
};

// Whole clips, crops within clips or crops of the joined clips, as the options say. InputError when
// no clip is long enough.
std::unique_ptr<BatchSource> make_batch_source(const BatchInputs& inputs);

}  // namespace concertina
