#include "distill/data/whole_clips.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "core/errors.h"
#include "distill/data/clip_crops.h"
#include "distill/data/length_buckets.h"

namespace concertina {
ClipSource::ClipSource(const JoinedClips& clips, const Blueprint& blueprint,
                       const BatchOptions& batch, BatchContents contents, const Rng& rng,
                       BatchShare share)
    : clips_(clips),
      blueprint_(blueprint),
      frame_samples_(blueprint.base_frame_samples()),
      longest_(std::llround(batch.longest * blueprint.sample_rate /
                            static_cast<double>(frame_samples_))),
      contents_(std::move(contents)),
      rng_(rng),
      share_(share),
      failures_(clips.clips().size()) {
  fill_buckets(batch);
}

int64_t ClipSource::frames_of(size_t clip) const {
  return std::min(clips_.clips()[clip].frames, longest_);
}

void ClipSource::fill_buckets(const BatchOptions& batch) {
  const double rate = blueprint_.sample_rate / static_cast<double>(frame_samples_);
  int64_t shortest = std::max<int64_t>(1, std::llround(batch.shortest * rate));
  while (blueprint_.frames(shortest * frame_samples_) < 1) ++shortest;
  std::vector<int64_t> lengths;
  for (size_t i = 0; i < clips_.clips().size(); ++i) lengths.push_back(frames_of(i));
  const double budget = batch.budget * rate;
  for (std::vector<size_t>& clips : length_buckets(lengths, shortest)) {
    const auto longest = static_cast<double>(lengths[clips.back()]);
    buckets_.push_back({.clips = std::move(clips),
                        .batch = static_cast<size_t>(std::max(1.0, std::floor(budget / longest)))});
  }
  if (buckets_.empty()) {
    throw InputError(fmt::format("{}: no clip has the {} seconds of batch.shortest",
                                 clips_.manifest().folder.string(), batch.shortest));
  }
}

int64_t ClipSource::batches_per_epoch() const {
  size_t count = 0;
  for (const Bucket& bucket : buckets_) {
    count += (bucket.clips.size() + bucket.batch - 1) / bucket.batch;
  }
  return static_cast<int64_t>(count);
}

int64_t ClipSource::batches_of(int32_t clips) const {
  size_t all = 0;
  for (const Bucket& bucket : buckets_) all += bucket.clips.size();
  const double a_batch = static_cast<double>(all) / static_cast<double>(batches_per_epoch());
  return std::clamp<int64_t>(std::llround(clips / a_batch), 1, batches_per_epoch());
}

ClipSource::Epoch ClipSource::epoch(int64_t number) const {
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

std::shared_ptr<const ClipSource::Epoch> ClipSource::cached_epoch(int64_t number) const {
  const std::scoped_lock lock(mutex_);
  if (number_ != number) {
    latest_ = std::make_shared<const Epoch>(epoch(number));
    number_ = number;
  }
  return latest_;
}

size_t ClipSource::any_clip(Rng& rng) const {
  const auto bucket = static_cast<size_t>(rng.below(static_cast<int64_t>(buckets_.size())));
  const std::vector<size_t>& clips = buckets_[bucket].clips;
  return clips[static_cast<size_t>(rng.below(static_cast<int64_t>(clips.size())))];
}

// With the clip, or another one, at most `longest` frames of it, when it cannot be read.
void ClipSource::fill_row(size_t clip, int64_t longest, Rng& rng, const Rng& augmenting,
                          int64_t row, Crops& batch) const {
  failures_.fill(rng, augmenting, [&](int32_t tries, Rng& drawn, const Rng& noise, Rng& place) {
    if (tries > 0) clear_row(row, batch);
    const size_t from = tries == 0 ? clip : any_clip(place);
    const JoinedClips::ClipSpan& span = clips_.clips()[from];
    const int64_t length = std::min(frames_of(from), longest), samples = length * frame_samples_;
    const int64_t first = span.first_frame + drawn.below(span.frames - length + 1);
    read_row(clips_, first, samples, blueprint_.frames(samples), contents_, drawn, row, batch);
    augment_row(clips_, contents_, noise, row, batch);
  });
}

Crops ClipSource::at(int64_t step) const {
  const int64_t per_epoch = batches_per_epoch();
  const int64_t number = step * share_.of + share_.part;
  const auto batches = cached_epoch(number / per_epoch);
  const std::vector<size_t>& members = (*batches)[static_cast<size_t>(number % per_epoch)];
  Rng rng = rng_.fork("batch", static_cast<uint64_t>(number));
  const Rng augmenting = rng_.fork("augmentation", static_cast<uint64_t>(number));
  int64_t longest = 0;
  for (const size_t clip : members) longest = std::max(longest, frames_of(clip));
  const int64_t rows = static_cast<int64_t>(members.size()), samples = longest * frame_samples_;
  const int64_t frames = blueprint_.frames(samples);

  Crops batch = empty_batch(rows, samples, frames, contents_);
  for (int64_t row = 0; row < rows; ++row) {
    fill_row(members[static_cast<size_t>(row)], longest, rng,
             augmenting.fork("row", static_cast<uint64_t>(row)), row, batch);
    batch.seconds += static_cast<double>(batch.speech.lengths.const_data_ptr<int64_t>()[row]) /
                     blueprint_.sample_rate;
  }
  note_visible(blueprint_, batch.speech);
  return batch;
}

std::unique_ptr<BatchSource> make_batch_source(const JoinedClips& clips, const Blueprint& blueprint,
                                               const BatchOptions& batch, BatchContents contents,
                                               const Rng& rng, BatchShare share) {
  if (batch.whole_clips) {
    return std::make_unique<ClipSource>(clips, blueprint, batch, std::move(contents), rng, share);
  }
  if (batch.within_clips) {
    return std::make_unique<ClipCropSource>(clips, blueprint, batch, std::move(contents), rng,
                                            share);
  }
  return std::make_unique<CropSource>(clips, blueprint, batch, std::move(contents), rng, share);
}

}  // namespace concertina
