// Batches of whole clips, as LibriSpeech is trained on: clips of like length together, as many as
// fit a budget of audio with padding counted, every clip once an epoch.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "distill/data/crops.h"

namespace concertina {

// Thread-safe. `clips` must outlive it. Shares take turns at the batches of an epoch.
class ClipSource : public BatchSource {
 public:
  // Clips shorter than `batch.shortest` seconds are left out; of longer ones than `batch.longest`,
  // a random part of that length is read. InputError when no clip is left.
  ClipSource(const JoinedClips& clips, const Blueprint& blueprint, const BatchOptions& batch,
             BatchContents contents, const Rng& rng, BatchShare share = {});
  Crops at(int64_t step) const override;
  int64_t batches_of(int32_t clips) const override;
  int64_t batches_per_epoch() const;

 private:
  struct Bucket {
    std::vector<size_t> clips;  // indices into clips_.clips()
    size_t batch = 1;           // clips of one batch
  };
  using Epoch = std::vector<std::vector<size_t>>;  // the clips of each batch
  void fill_buckets(const BatchOptions& batch);
  int64_t frames_of(size_t clip) const;  // read of it
  Epoch epoch(int64_t number) const;
  std::shared_ptr<const Epoch> cached_epoch(int64_t number) const;
  void fill_row(size_t clip, int64_t longest, Rng& rng, const Rng& augmenting, int64_t row,
                Crops& batch) const;
  size_t any_clip(Rng& rng) const;

  const JoinedClips& clips_;
  Blueprint blueprint_;
  int64_t frame_samples_, longest_;  // longest_: frames
  BatchContents contents_;
  Rng rng_;
  BatchShare share_;
  std::vector<Bucket> buckets_;
  mutable ReadFailures failures_;
  mutable std::mutex mutex_;  // of the two below
  mutable int64_t number_ = -1;
  mutable std::shared_ptr<const Epoch> latest_;
};

// Whole clips or crops, as the options say.
std::unique_ptr<BatchSource> make_batch_source(const JoinedClips& clips, const Blueprint& blueprint,
                                               const BatchOptions& batch, BatchContents contents,
                                               const Rng& rng, BatchShare share = {});

}  // namespace concertina
