#include "distill/data/row_reader.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "core/errors.h"

namespace concertina {

RowReader::RowReader(const JoinedClips& clips, const Blueprint& blueprint, BatchContents contents)
    : clips_(clips),
      blueprint_(blueprint),
      frame_samples_(blueprint.base_frame_samples()),
      contents_(std::move(contents)),
      failures_(clips.clips().size()) {
  CONCERTINA_ASSERT(!contents_.units.defined() || contents_.units.numel() == clips.total_frames());
}

int64_t RowReader::frames_of(double seconds) const {
  return std::llround(seconds * blueprint_.sample_rate / static_cast<double>(frame_samples_));
}

int64_t RowReader::encoder_frames(int64_t frames) const {
  return blueprint_.frames(frames * frame_samples_);
}

double RowReader::seconds_of(int64_t frames) const {
  return static_cast<double>(frames * frame_samples_) / blueprint_.sample_rate;
}

double RowReader::seconds_of_row(const TrainingBatch& batch, int64_t row) const {
  return static_cast<double>(batch.speech.lengths.const_data_ptr<int64_t>()[row]) /
         blueprint_.sample_rate;
}

TrainingBatch RowReader::empty_batch(int64_t rows, int64_t frames) const {
  const int64_t samples = frames * frame_samples_, outputs = encoder_frames(frames);
  TrainingBatch batch;
  batch.speech = make_batch(at::zeros({rows, samples}));
  if (contents_.mask) batch.speech.mask = at::zeros({rows, outputs}, at::kBool);
  if (contents_.units.defined()) batch.units = at::zeros({rows, outputs}, at::kLong);
  if (contents_.targets) {
    for (const TargetColumn& column : contents_.targets->columns())
      batch.rows[column.row] = at::zeros({rows, outputs, column.dim});
  }
  batch.first = at::zeros({rows}, at::kLong);
  if (contents_.augmentation && contents_.live_rows) batch.clean = at::zeros({rows, samples});
  return batch;
}

void RowReader::read_row(const Locate& locate, Rng& rng, const Rng& augmentation_rng, int64_t row,
                         TrainingBatch& batch) const {
  failures_.retry(rng, augmentation_rng,
                  [&](int32_t attempt, Rng& drawn, const Rng& augmenting, Rng& retry_rng) {
                    if (attempt > 0) {
                      for_each_tensor(batch, [&](at::Tensor& tensor) { tensor[row].zero_(); });
                    }
                    read_part(locate(attempt, drawn, retry_rng), drawn, row, batch);
                    augment_row(augmenting, row, batch);
                  });
}

void RowReader::read_shard(const Locate& locate, Rng& rng, const Rng& augmentation_rng,
                           const BatchShard& shard, TrainingBatch& batch) const {
  const int64_t rows = batch.speech.waveform.size(0);
  for (int64_t row = 0; row < rows * shard.count; ++row) {
    if (row / rows == shard.index) {
      read_row(locate, rng, augmentation_rng.fork("row", static_cast<uint64_t>(row)), row % rows,
               batch);
      continue;
    }
    Rng unused = rng;
    const Part part = locate(0, rng, unused);
    if (contents_.mask) (void)span_mask(encoder_frames(part.frames), *contents_.mask, rng);
  }
}

void RowReader::read_part(const Part& part, Rng& rng, int64_t row, TrainingBatch& batch) const {
  SpeechBatch& speech = batch.speech;
  const int64_t samples = part.frames * frame_samples_, frames = encoder_frames(part.frames);
  float* audio = speech.waveform.data_ptr<float>() + row * speech.waveform.size(1);
  clips_.read(part.first, std::span<float>(audio, static_cast<size_t>(samples)));
  speech.lengths.data_ptr<int64_t>()[row] = samples;
  batch.first.data_ptr<int64_t>()[row] = part.first;
  if (contents_.mask) {
    const std::vector<uint8_t> mask = span_mask(frames, *contents_.mask, rng);
    std::copy(mask.begin(), mask.end(), speech.mask.data_ptr<bool>() + row * speech.mask.size(1));
  }
  if (contents_.units.defined()) {
    const int16_t* units = contents_.units.const_data_ptr<int16_t>() + part.first;
    std::copy(units, units + frames, batch.units.data_ptr<int64_t>() + row * batch.units.size(1));
  }
  if (contents_.targets) {
    contents_.targets->copy_to(batch.rows, row, part.first, frames);
  }
}

// Units, targets and `clean` stay those of the clean audio.
void RowReader::augment_row(const Rng& rng, int64_t row, TrainingBatch& batch) const {
  if (!contents_.augmentation) return;
  const int64_t samples = batch.speech.lengths.const_data_ptr<int64_t>()[row];
  const at::Tensor audio = batch.speech.waveform[row].narrow(0, 0, samples);
  if (batch.clean.defined()) batch.clean[row].narrow(0, 0, samples).copy_(audio);
  contents_.augmentation->apply({audio.data_ptr<float>(), static_cast<size_t>(samples)}, clips_,
                                rng);
}

void RowReader::plan_visible_frames(SpeechBatch& speech) const {
  speech.visible = visible_frames(blueprint_, speech);
}

}  // namespace concertina
