// Batches of whole clips, as is usual on LibriSpeech: clips of similar length (buckets), as many as
// fit a budget of padded audio, every clip once per epoch.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "distill/data/batch_source.h"
#include "distill/data/row_reader.h"

namespace concertina {

// Thread-safe. Shards take turns at the batches of an epoch.
class WholeClipSource : public BatchSource {
 public:
  // Clips shorter than `shortest` seconds are left out; of longer ones than `longest`, a random part
  // of that length is read. InputError when no clip is left.
  explicit WholeClipSource(const BatchInputs& inputs);
  TrainingBatch at(int64_t step) const override;
  int64_t batch_count(int32_t clips) const override;
  int64_t batches_per_epoch() const;

 private:
  struct Bucket {
    std::vector<size_t> clips;  // indices into clips().clips()
    size_t batch = 1;           // clips of one batch
  };
  using Epoch = std::vector<std::vector<size_t>>;  // the clips of each batch
  void fill_buckets(const BatchInputs& inputs);
  int64_t frames_of(size_t clip) const;  // that are read of it
  Epoch epoch(int64_t number) const;
  std::shared_ptr<const Epoch> cached_epoch(int64_t number) const;
  size_t draw_clip(Rng& rng) const;

  RowReader reader_;
  int64_t longest_;  // frames
  Rng rng_;
  BatchShard shard_;
  std::vector<Bucket> buckets_;
  mutable std::mutex mutex_;  // guards the two below
  mutable int64_t number_ = -1;
  mutable std::shared_ptr<const Epoch> latest_;
};

}  // namespace concertina
