#include "distill/crops.h"

#include <cmath>
#include <span>
#include <utility>

#include "core/errors.h"

namespace concertina {
namespace {

constexpr int32_t kStepsAhead = 3;

}  // namespace

CropSource::CropSource(const JoinedClips& clips, const Blueprint& blueprint,
                       const BatchOptions& batch, std::optional<MaskOptions> mask, at::Tensor units,
                       const Rng& rng)
    : clips_(clips),
      crops_(batch.crops),
      frame_samples_(blueprint.base_frame_samples()),
      stream_frames_(
          std::llround(batch.seconds * blueprint.sample_rate / blueprint.base_frame_samples())),
      frames_(blueprint.frames(stream_frames_ * frame_samples_)),
      sample_rate_(blueprint.sample_rate),
      mask_(mask),
      units_(std::move(units)),
      rng_(rng) {
  if (frames_ < 1) throw InputError("batch.seconds is shorter than one frame of the model");
  CONCERTINA_ASSERT(!units_.defined() || units_.numel() == clips.total_frames());
}

Crops CropSource::at(int64_t step) const {
  Rng rng = rng_.fork("crops", static_cast<uint64_t>(step));
  const int64_t samples = stream_frames_ * frame_samples_;
  Crops crops;
  crops.speech = make_batch(at::empty({crops_, samples}));
  crops.seconds = static_cast<double>(crops_ * samples) / sample_rate_;
  if (mask_) crops.speech.mask = at::empty({crops_, frames_}, at::kBool);
  if (units_.defined()) crops.units = at::empty({crops_, frames_}, at::kLong);
  for (int64_t b = 0; b < crops_; ++b) {
    const int64_t first = clips_.draw(stream_frames_, rng);
    float* row = crops.speech.waveform.data_ptr<float>() + b * samples;
    clips_.read(first, std::span<float>(row, static_cast<size_t>(samples)));
    if (mask_) {
      const std::vector<uint8_t> mask = span_mask(frames_, *mask_, rng);
      std::copy(mask.begin(), mask.end(), crops.speech.mask.data_ptr<bool>() + b * frames_);
    }
    if (units_.defined()) {
      const int16_t* units = units_.const_data_ptr<int16_t>() + first;
      std::copy(units, units + frames_, crops.units.data_ptr<int64_t>() + b * frames_);
    }
  }
  return crops;
}

Prefetcher::Prefetcher(const CropSource& source, int64_t first_step)
    : source_(source), step_(first_step) {
  for (int32_t i = 0; i < kStepsAhead; ++i) start_one();
}

void Prefetcher::start_one() {
  ahead_.push_back(std::async(std::launch::async,
                              [source = &source_, step = step_] { return source->at(step); }));
  ++step_;
}

Crops Prefetcher::next() {
  Crops crops = ahead_.front().get();
  ahead_.pop_front();
  start_one();
  return crops;
}

}  // namespace concertina
