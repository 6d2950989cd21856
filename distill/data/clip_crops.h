// Batches of crops that do not span clips: no frame attends to another utterance, and normalisation
// over time sees one clip. All rows of a batch have one length, that of the shortest clip of a
// bucket of clips of similar length, so there is no padding; a batch of shorter crops has more of
// them, so that every step has about as much audio.
#pragma once

#include <cstdint>
#include <vector>

#include "distill/data/batch_source.h"
#include "distill/data/row_reader.h"

namespace concertina {

// Thread-safe. A minute of a source is drawn as often as by CropSource; clips shorter than
// `shortest` are left out. All shards of a step have crops of one length.
class ClipCropSource : public BatchSource {
 public:
  // InputError when no clip is left.
  explicit ClipCropSource(const BatchInputs& inputs);
  TrainingBatch at(int64_t step) const override;
  int64_t batch_count(int32_t clips) const override;

 private:
  struct Bucket {
    int64_t frames = 0;           // of each crop
    int64_t rows = 0;             // of a batch
    std::vector<size_t> members;  // indices into clips().clips()
    std::vector<double> weights;  // running sums: a member is drawn by its length and source
  };
  void fill_buckets(const BatchInputs& inputs);
  const Bucket& draw_bucket(Rng& rng) const;
  int64_t draw_first(const Bucket& bucket, Rng& rng) const;  // a frame of the joined clips

  RowReader reader_;
  int32_t crops_;
  Rng rng_;
  BatchShard shard_;
  std::vector<Bucket> buckets_;
  std::vector<double> bucket_weights_;  // running sums
};

}  // namespace concertina
