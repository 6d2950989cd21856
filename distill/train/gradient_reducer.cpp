#include "distill/train/gradient_reducer.h"

namespace concertina {

GradientReducer::GradientReducer(Communicator& communicator, const Parameters& parameters,
                                 Gradients& gradients, int64_t bucket)
    : communicator_(communicator), gradients_(gradients) {
  for (const Parameter& parameter : parameters.list()) {
    const int64_t begin = parameter.offset;
    if (buckets_.empty() || begin - buckets_.back().begin >= bucket) {
      if (!buckets_.empty()) buckets_.back().end = begin;
      buckets_.push_back({.begin = begin, .end = begin, .wait = {}});
    }
    bucket_of_[parameter.name] = buckets_.size() - 1;
  }
  if (!buckets_.empty()) buckets_.back().end = parameters.flat().numel();
}

void GradientReducer::expect_slice(const std::string& parameter) {
  Bucket& bucket = buckets_[bucket_of_.at(parameter)];
  ++bucket.missing;
  bucket.used = true;
}

void GradientReducer::mark_ready(const std::string& parameter) {
  Bucket& bucket = buckets_[bucket_of_.at(parameter)];
  if (--bucket.missing == 0 && !deferred_) start_reduction(bucket);
}

void GradientReducer::finish() {
  for (Bucket& bucket : buckets_) {
    if (bucket.used && !bucket.wait) start_reduction(bucket);
  }
  for (Bucket& bucket : buckets_) {
    if (bucket.wait) {
      bucket.wait();
      gradient_of(bucket).div_(communicator_.world_size());
    }
    bucket = {.begin = bucket.begin, .end = bucket.end, .wait = {}};
  }
}

void GradientReducer::start_reduction(Bucket& bucket) {
  if (!communicator_.is_single_process())
    bucket.wait = communicator_.all_reduce_async(gradient_of(bucket));
}

at::Tensor GradientReducer::gradient_of(const Bucket& bucket) const {
  return gradients_.flat.narrow(0, bucket.begin, bucket.end - bucket.begin);
}

}  // namespace concertina
