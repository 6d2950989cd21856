// Crops that do not reach across clips: no frame attends to another utterance, and norms over time
// are of one. All rows of a batch have one length, that of the shortest clip of a bucket of like
// clips, so there is no padding; of shorter crops a batch has more, for as much audio a step.
#pragma once

#include <cstdint>
#include <vector>

#include "distill/data/crops.h"

namespace concertina {

// Thread-safe. `clips` must outlive it. A minute of a source is drawn as often as by CropSource;
// clips shorter than `batch.shortest` are left out. All shares of a step have crops of one length.
class ClipCropSource : public BatchSource {
 public:
  // InputError when no clip is left.
  ClipCropSource(const JoinedClips& clips, const Blueprint& blueprint, const BatchOptions& batch,
                 BatchContents contents, const Rng& rng, BatchShare share = {});
  Crops at(int64_t step) const override;
  int64_t batches_of(int32_t clips) const override;

 private:
  struct Bucket {
    int64_t frames = 0;           // of each crop
    int64_t rows = 0;             // of a batch
    std::vector<size_t> members;  // indices into clips_.clips()
    std::vector<double> weights;  // running sums: a member is drawn by its length and source
  };
  void fill_buckets(const BatchOptions& batch);
  int64_t draw_first(const Bucket& bucket, Rng& rng) const;  // frame of the stream
  void fill_row(const Bucket& bucket, int64_t first, Rng& rng, const Rng& augmenting, int64_t row,
                Crops& crops) const;

  const JoinedClips& clips_;
  Blueprint blueprint_;
  int64_t frame_samples_, longest_;  // longest_: frames of a crop
  int32_t crops_;
  BatchContents contents_;
  Rng rng_;
  BatchShare share_;
  std::vector<Bucket> buckets_;
  std::vector<double> bucket_weights_;  // running sums
  mutable ReadFailures failures_;
};

}  // namespace concertina
