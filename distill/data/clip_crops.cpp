#include "distill/data/clip_crops.h"

#include <algorithm>
#include <utility>

#include "distill/data/length_buckets.h"

namespace concertina {
namespace {

// An index drawn with probability proportional to its weight, from the weights' running sums.
size_t draw_index(const std::vector<double>& sums, Rng& rng) {
  const double at = rng.uniform() * sums.back();
  const auto found = std::ranges::upper_bound(sums, at);
  return std::min(static_cast<size_t>(found - sums.begin()), sums.size() - 1);
}

}  // namespace

ClipCropSource::ClipCropSource(const BatchInputs& inputs)
    : reader_(inputs.clips, inputs.blueprint, inputs.contents),
      crops_(inputs.options.crops),
      rng_(inputs.rng),
      shard_(inputs.shard) {
  fill_buckets(inputs);
}

void ClipCropSource::fill_buckets(const BatchInputs& inputs) {
  const int64_t longest = reader_.frames_of(inputs.options.seconds);
  double weight = 0;
  for (std::vector<size_t>& members : buckets_of_clips(inputs, longest)) {
    const auto& spans = inputs.clips.clips();
    Bucket bucket;
    bucket.frames = std::min(spans[members.front()].frames, longest);
    bucket.rows = crops_ * longest / bucket.frames;
    bucket.members = std::move(members);
    double sum = 0;
    for (const size_t clip : bucket.members) {
      bucket.weights.push_back(sum += spans[clip].weight * static_cast<double>(spans[clip].frames));
    }
    bucket_weights_.push_back(weight += sum);
    buckets_.push_back(std::move(bucket));
  }
}

const ClipCropSource::Bucket& ClipCropSource::draw_bucket(Rng& rng) const {
  return buckets_[draw_index(bucket_weights_, rng)];
}

int64_t ClipCropSource::draw_first(const Bucket& bucket, Rng& rng) const {
  const size_t clip = bucket.members[draw_index(bucket.weights, rng)];
  const JoinedClips::ClipSpan& span = reader_.clips().clips()[clip];
  return span.first_frame + rng.below(span.frames - bucket.frames + 1);
}

TrainingBatch ClipCropSource::at(int64_t step) const {
  const auto number = static_cast<uint64_t>(step);
  Rng rng = rng_.fork("crops", number);
  const Bucket& bucket = draw_bucket(rng);
  TrainingBatch batch = reader_.empty_batch(bucket.rows, bucket.frames);
  batch.seconds = reader_.seconds_of(bucket.rows * bucket.frames);
  // In place of a clip that cannot be read: a crop of any bucket, at most as long.
  const auto locate = [&](int32_t attempt, Rng& row_rng, Rng& retry_rng) {
    const int64_t first = draw_first(bucket, row_rng);
    if (attempt == 0) return RowReader::Part{first, bucket.frames};
    const Bucket& other = draw_bucket(retry_rng);
    return RowReader::Part{draw_first(other, retry_rng), std::min(other.frames, bucket.frames)};
  };
  reader_.read_shard(locate, rng, rng_.fork("augmentation", number), shard_, batch);
  reader_.plan_visible_frames(batch.speech);
  return batch;
}

int64_t ClipCropSource::batch_count(int32_t clips) const { return std::max(1, clips / crops_); }

}  // namespace concertina
