#include "distill/prefetcher.h"

#include <utility>

namespace concertina {
namespace {

constexpr int32_t kStepsAhead = 3;

}  // namespace

Prefetcher::Prefetcher(const BatchSource& source, int64_t first_step, at::Device device)
    : source_(source), step_(first_step), uploader_(device) {
  for (int32_t i = 0; i < kStepsAhead; ++i) start_one();
}

void Prefetcher::start_one() {
  ahead_.push_back(std::async(std::launch::async,
                              [this, step = step_] { return uploader_.send(source_.at(step)); }));
  ++step_;
}

Crops Prefetcher::next() {
  Uploader::Sent sent = ahead_.front().get();
  ahead_.pop_front();
  start_one();
  return uploader_.receive(std::move(sent));
}

}  // namespace concertina
