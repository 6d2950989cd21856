#include "distill/data/clip_crops.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/errors.h"
#include "distill/data/length_buckets.h"

namespace concertina {
namespace {

// Of running sums, the first above a drawn share of the last.
size_t draw_by(const std::vector<double>& sums, Rng& rng) {
  const double at = rng.uniform() * sums.back();
  const auto found = std::ranges::upper_bound(sums, at);
  return std::min(static_cast<size_t>(found - sums.begin()), sums.size() - 1);
}

}  // namespace

ClipCropSource::ClipCropSource(const JoinedClips& clips, const Blueprint& blueprint,
                               const BatchOptions& batch, BatchContents contents, const Rng& rng,
                               BatchShare share)
    : clips_(clips),
      blueprint_(blueprint),
      frame_samples_(blueprint.base_frame_samples()),
      longest_(std::llround(batch.seconds * blueprint.sample_rate /
                            static_cast<double>(frame_samples_))),
      crops_(batch.crops),
      contents_(std::move(contents)),
      rng_(rng),
      share_(share),
      failures_(clips.clips().size()) {
  CONCERTINA_ASSERT(!contents_.units.defined() || contents_.units.numel() == clips.total_frames());
  fill_buckets(batch);
}

void ClipCropSource::fill_buckets(const BatchOptions& batch) {
  const double rate = blueprint_.sample_rate / static_cast<double>(frame_samples_);
  int64_t shortest = std::max<int64_t>(1, std::llround(batch.shortest * rate));
  while (blueprint_.frames(shortest * frame_samples_) < 1) ++shortest;
  std::vector<int64_t> lengths;
  for (const JoinedClips::ClipSpan& span : clips_.clips()) {
    lengths.push_back(std::min(span.frames, longest_));
  }
  double weight = 0;
  for (std::vector<size_t>& members : length_buckets(lengths, std::min(shortest, longest_))) {
    Bucket bucket;
    bucket.frames = lengths[members.front()];
    bucket.rows = crops_ * longest_ / bucket.frames;
    bucket.members = std::move(members);
    double sum = 0;
    for (const size_t clip : bucket.members) {
      const JoinedClips::ClipSpan& span = clips_.clips()[clip];
      bucket.weights.push_back(sum += span.weight * static_cast<double>(span.frames));
    }
    bucket_weights_.push_back(weight += sum);
    buckets_.push_back(std::move(bucket));
  }
  if (buckets_.empty()) {
    throw InputError(fmt::format("{}: no clip has the {} seconds of batch.shortest",
                                 clips_.manifest().folder.string(), batch.shortest));
  }
}

int64_t ClipCropSource::draw_first(const Bucket& bucket, Rng& rng) const {
  const JoinedClips::ClipSpan& span = clips_.clips()[bucket.members[draw_by(bucket.weights, rng)]];
  return span.first_frame + rng.below(span.frames - bucket.frames + 1);
}

// From frame `first` on, or with a crop of any other bucket, at most as long, when the clip cannot be
// read.
void ClipCropSource::fill_row(const Bucket& bucket, int64_t first, Rng& rng, const Rng& augmenting,
                              int64_t row, Crops& crops) const {
  failures_.fill(rng, augmenting, [&](int32_t tries, Rng& drawn, const Rng& noise, Rng& place) {
    if (tries > 0) clear_row(row, crops);
    const Bucket& other = tries == 0 ? bucket : buckets_[draw_by(bucket_weights_, place)];
    const int64_t from = tries == 0 ? first : draw_first(other, place);
    const int64_t samples = std::min(other.frames, bucket.frames) * frame_samples_;
    read_row(clips_, from, samples, blueprint_.frames(samples), contents_, drawn, row, crops);
    augment_row(clips_, contents_, noise, row, crops);
  });
}

Crops ClipCropSource::at(int64_t step) const {
  Rng rng = rng_.fork("crops", static_cast<uint64_t>(step));
  const Rng augmenting = rng_.fork("augmentation", static_cast<uint64_t>(step));
  const Bucket& bucket = buckets_[draw_by(bucket_weights_, rng)];
  const int64_t samples = bucket.frames * frame_samples_, frames = blueprint_.frames(samples);
  Crops crops = empty_batch(bucket.rows, samples, frames, contents_);
  crops.seconds = static_cast<double>(bucket.rows * samples) / blueprint_.sample_rate;
  for (int64_t row = 0; row < bucket.rows * share_.of; ++row) {
    const int64_t first = draw_first(bucket, rng), own = row % bucket.rows;
    if (row / bucket.rows == share_.part) {
      fill_row(bucket, first, rng, augmenting.fork("row", static_cast<uint64_t>(row)), own, crops);
    } else if (contents_.mask) {
      (void)span_mask(frames, *contents_.mask, rng);  // as many numbers are drawn for every row
    }
  }
  note_visible(blueprint_, crops.speech);
  return crops;
}

int64_t ClipCropSource::batches_of(int32_t clips) const { return std::max(1, clips / crops_); }

}  // namespace concertina
