// Training data of one step: crops of the joined clips, their masks and units, made ahead on
// another thread.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <deque>
#include <future>
#include <optional>

#include "core/rng.h"
#include "distill/options.h"
#include "speech/joined_clips.h"
#include "speech/mask.h"
#include "supernet/model/forward.h"

namespace concertina {

struct Crops {
  SpeechBatch speech;  // on the CPU; mask undefined where nothing is masked
  at::Tensor units;    // [B, T] int64; undefined without units
  double seconds = 0;  // of audio
};

// Crops of a step depend on the seed and the step only. Thread-safe. `clips` must outlive it.
class CropSource {
 public:
  // `units` [total_frames] int16 of the same clips, or undefined.
  CropSource(const JoinedClips& clips, const Blueprint& blueprint, const BatchOptions& batch,
             std::optional<MaskOptions> mask, at::Tensor units, const Rng& rng);
  Crops at(int64_t step) const;

 private:
  const JoinedClips& clips_;
  int32_t crops_;
  int64_t frame_samples_, stream_frames_,
      frames_;  // frames of a crop: in the stream, out of the encoder
  int32_t sample_rate_;
  std::optional<MaskOptions> mask_;
  at::Tensor units_;
  Rng rng_;
};

// Reads the next steps' crops while the current one is trained on. Errors of reading come out of
// next().
class Prefetcher {
 public:
  Prefetcher(const CropSource& source, int64_t first_step);
  Crops next();

 private:
  void start_one();
  const CropSource& source_;
  int64_t step_;
  std::deque<std::future<Crops>> ahead_;
};

}  // namespace concertina
