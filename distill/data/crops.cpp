#include "distill/data/crops.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "core/errors.h"

namespace concertina {

CropSource::CropSource(const JoinedClips& clips, const Blueprint& blueprint,
                       const BatchOptions& batch, BatchContents contents, const Rng& rng,
                       BatchShare share)
    : clips_(clips),
      crops_(batch.crops),
      blueprint_(blueprint),
      frame_samples_(blueprint.base_frame_samples()),
      stream_frames_(
          std::llround(batch.seconds * blueprint.sample_rate / blueprint.base_frame_samples())),
      frames_(blueprint.frames(stream_frames_ * frame_samples_)),
      contents_(std::move(contents)),
      rng_(rng),
      share_(share),
      failures_(clips.clips().size()) {
  if (frames_ < 1) throw InputError("batch.seconds is shorter than one frame of the model");
  CONCERTINA_ASSERT(!contents_.units.defined() || contents_.units.numel() == clips.total_frames());
}

Crops CropSource::at(int64_t step) const {
  Rng rng = rng_.fork("crops", static_cast<uint64_t>(step));
  const Rng augmenting = rng_.fork("augmentation", static_cast<uint64_t>(step));
  const int64_t samples = stream_frames_ * frame_samples_;
  Crops crops = empty_batch(crops_, samples, frames_, contents_);
  crops.seconds = static_cast<double>(crops_ * samples) / blueprint_.sample_rate;
  for (int64_t row = 0; row < int64_t{crops_} * share_.of; ++row) {
    const int64_t first = clips_.draw(stream_frames_, rng);
    if (row / crops_ == share_.part) {
      fill_row(first, rng, augmenting.fork("row", static_cast<uint64_t>(row)), row % crops_, crops);
    } else if (contents_.mask) {
      (void)span_mask(frames_, *contents_.mask, rng);  // as many numbers are drawn for every row
    }
  }
  note_visible(blueprint_, crops.speech);
  return crops;
}

// From frame `first` on, or from another place when a clip there cannot be read.
void CropSource::fill_row(int64_t first, Rng& rng, const Rng& augmenting, int64_t row,
                          Crops& crops) const {
  failures_.fill(rng, augmenting, [&](int32_t tries, Rng& drawn, const Rng& noise, Rng& place) {
    const int64_t from = tries == 0 ? first : clips_.draw(stream_frames_, place);
    read_row(clips_, from, stream_frames_ * frame_samples_, frames_, contents_, drawn, row, crops);
    augment_row(clips_, contents_, noise, row, crops);
  });
}

int64_t CropSource::batches_of(int32_t clips) const { return std::max(1, clips / crops_); }

Crops empty_batch(int64_t rows, int64_t samples, int64_t frames, const BatchContents& contents) {
  Crops batch;
  batch.speech = make_batch(at::zeros({rows, samples}));
  if (contents.mask) batch.speech.mask = at::zeros({rows, frames}, at::kBool);
  if (contents.units.defined()) batch.units = at::zeros({rows, frames}, at::kLong);
  if (contents.targets) batch.target = at::zeros({rows, frames, contents.targets->dim()});
  const bool teacher_is_asked = !contents.units.defined() && !contents.targets;
  if (contents.augmentation && teacher_is_asked) batch.clean = at::zeros({rows, samples});
  return batch;
}

void read_row(const JoinedClips& clips, int64_t first, int64_t samples, int64_t frames,
              const BatchContents& contents, Rng& rng, int64_t row, Crops& batch) {
  float* audio = batch.speech.waveform.data_ptr<float>() + row * batch.speech.waveform.size(1);
  clips.read(first, std::span<float>(audio, static_cast<size_t>(samples)));
  batch.speech.lengths.data_ptr<int64_t>()[row] = samples;
  if (contents.mask) {
    const std::vector<uint8_t> mask = span_mask(frames, *contents.mask, rng);
    std::copy(mask.begin(), mask.end(),
              batch.speech.mask.data_ptr<bool>() + row * batch.speech.mask.size(1));
  }
  if (contents.units.defined()) {
    const int16_t* units = contents.units.const_data_ptr<int16_t>() + first;
    std::copy(units, units + frames, batch.units.data_ptr<int64_t>() + row * batch.units.size(1));
  }
  if (contents.targets) {
    batch.target[row].narrow(0, 0, frames).copy_(contents.targets->read(first, frames));
  }
}

void clear_row(int64_t row, Crops& batch) {
  batch.speech.waveform[row].zero_();
  for (const at::Tensor& part : {batch.clean, batch.speech.mask, batch.units, batch.target}) {
    if (part.defined()) part[row].zero_();
  }
}

void note_visible(const Blueprint& blueprint, SpeechBatch& batch) {
  batch.visible = visible_frames(blueprint, batch);
}

void augment_row(const JoinedClips& clips, const BatchContents& contents, const Rng& rng,
                 int64_t row, Crops& batch) {
  if (!contents.augmentation) return;
  const int64_t samples = batch.speech.lengths.const_data_ptr<int64_t>()[row];
  const at::Tensor audio = batch.speech.waveform[row].narrow(0, 0, samples);
  if (batch.clean.defined()) batch.clean[row].narrow(0, 0, samples).copy_(audio);
  contents.augmentation->apply({audio.data_ptr<float>(), static_cast<size_t>(samples)}, clips, rng);
}

}  // namespace concertina
