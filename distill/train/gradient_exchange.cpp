#include "distill/train/gradient_exchange.h"

namespace concertina {

GradientExchange::GradientExchange(Communicator& communicator, const Parameters& parameters,
                                   Gradients& gradients, int64_t bucket)
    : communicator_(communicator), gradients_(gradients) {
  for (const Parameter& parameter : parameters.list()) {
    const int64_t begin = parameter.offset;
    if (buckets_.empty() || begin - buckets_.back().begin >= bucket) {
      if (!buckets_.empty()) buckets_.back().end = begin;
      buckets_.push_back({.begin = begin, .end = begin, .sent = {}});
    }
    bucket_of_[parameter.name] = buckets_.size() - 1;
  }
  if (!buckets_.empty()) buckets_.back().end = parameters.flat().numel();
}

void GradientExchange::expect(const std::string& parameter) {
  Bucket& bucket = buckets_[bucket_of_.at(parameter)];
  ++bucket.missing;
  bucket.used = true;
}

void GradientExchange::arrived(const std::string& parameter) {
  Bucket& bucket = buckets_[bucket_of_.at(parameter)];
  if (--bucket.missing == 0) send(bucket);
}

void GradientExchange::finish() {
  for (Bucket& bucket : buckets_) {
    if (bucket.used && !bucket.sent) send(bucket);
  }
  for (Bucket& bucket : buckets_) {
    if (bucket.sent) {
      bucket.sent();
      part(bucket).div_(communicator_.size());
    }
    bucket = {.begin = bucket.begin, .end = bucket.end, .sent = {}};
  }
}

void GradientExchange::send(Bucket& bucket) {
  if (!communicator_.alone()) bucket.sent = communicator_.begin_sum(part(bucket));
}

at::Tensor GradientExchange::part(const Bucket& bucket) const {
  return gradients_.flat.narrow(0, bucket.begin, bucket.end - bucket.begin);
}

}  // namespace concertina
