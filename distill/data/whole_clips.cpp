#include "distill/data/whole_clips.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "distill/data/length_buckets.h"

namespace concertina {

WholeClipSource::WholeClipSource(const BatchInputs& inputs)
    : reader_(inputs.clips, inputs.blueprint, inputs.contents),
      longest_(reader_.frames_of(inputs.options.longest)),
      rng_(inputs.rng),
      shard_(inputs.shard) {
  fill_buckets(inputs);
}

int64_t WholeClipSource::frames_of(size_t clip) const {
  return std::min(reader_.clips().clips()[clip].frames, longest_);
}

void WholeClipSource::fill_buckets(const BatchInputs& inputs) {
  const double rate =
      inputs.blueprint.sample_rate / static_cast<double>(inputs.blueprint.base_frame_samples());
  const double budget = inputs.options.budget * rate;
  for (std::vector<size_t>& clips : buckets_of_clips(inputs, longest_)) {
    const auto longest = static_cast<double>(frames_of(clips.back()));
    const double count = std::max(1.0, std::floor(budget / longest));
    buckets_.push_back({.clips = std::move(clips), .batch = static_cast<size_t>(count)});
  }
}

int64_t WholeClipSource::batches_per_epoch() const {
  size_t count = 0;
  for (const Bucket& bucket : buckets_) {
    count += (bucket.clips.size() + bucket.batch - 1) / bucket.batch;
  }
  return static_cast<int64_t>(count);
}

int64_t WholeClipSource::batch_count(int32_t clips) const {
  size_t all = 0;
  for (const Bucket& bucket : buckets_) all += bucket.clips.size();
  const double a_batch = static_cast<double>(all) / static_cast<double>(batches_per_epoch());
  return std::clamp<int64_t>(std::llround(clips / a_batch), 1, batches_per_epoch());
}

WholeClipSource::Epoch WholeClipSource::epoch(int64_t number) const {
  Rng rng = rng_.fork("epoch", static_cast<uint64_t>(number));
  Epoch batches;
  for (const Bucket& bucket : buckets_) {
    std::vector<size_t> clips = bucket.clips;
    rng.shuffle(std::span<size_t>(clips));
    for (size_t i = 0; i < clips.size(); i += bucket.batch) {
      const auto first = clips.begin() + static_cast<std::ptrdiff_t>(i);
      const auto last =
          clips.begin() + static_cast<std::ptrdiff_t>(std::min(clips.size(), i + bucket.batch));
      batches.emplace_back(first, last);
    }
  }
  rng.shuffle(std::span<std::vector<size_t>>(batches));
  return batches;
}

std::shared_ptr<const WholeClipSource::Epoch> WholeClipSource::cached_epoch(int64_t number) const {
  const std::scoped_lock lock(mutex_);
  if (number_ != number) {
    latest_ = std::make_shared<const Epoch>(epoch(number));
    number_ = number;
  }
  return latest_;
}

size_t WholeClipSource::draw_clip(Rng& rng) const {
  const auto bucket = static_cast<size_t>(rng.below(static_cast<int64_t>(buckets_.size())));
  const std::vector<size_t>& clips = buckets_[bucket].clips;
  return clips[static_cast<size_t>(rng.below(static_cast<int64_t>(clips.size())))];
}

TrainingBatch WholeClipSource::at(int64_t step) const {
  const int64_t per_epoch = batches_per_epoch();
  const int64_t number = step * shard_.count + shard_.index;
  const auto batches = cached_epoch(number / per_epoch);
  const std::vector<size_t>& members = (*batches)[static_cast<size_t>(number % per_epoch)];
  Rng rng = rng_.fork("batch", static_cast<uint64_t>(number));
  const Rng augmentation_rng = rng_.fork("augmentation", static_cast<uint64_t>(number));
  int64_t longest = 0;
  for (const size_t clip : members) longest = std::max(longest, frames_of(clip));

  TrainingBatch batch = reader_.empty_batch(std::ssize(members), longest);
  for (size_t row = 0; row < members.size(); ++row) {
    // In place of a clip that cannot be read: any clip, at most `longest` frames of it.
    const auto locate = [&](int32_t attempt, Rng& row_rng, Rng& retry_rng) {
      const size_t clip = attempt == 0 ? members[row] : draw_clip(retry_rng);
      const JoinedClips::ClipSpan& span = reader_.clips().clips()[clip];
      const int64_t frames = std::min(frames_of(clip), longest);
      return RowReader::Part{span.first_frame + row_rng.below(span.frames - frames + 1), frames};
    };
    reader_.read_row(locate, rng, augmentation_rng.fork("row", row), static_cast<int64_t>(row),
                     batch);
    batch.seconds += reader_.seconds_of_row(batch, static_cast<int64_t>(row));
  }
  reader_.plan_visible_frames(batch.speech);
  return batch;
}

}  // namespace concertina
