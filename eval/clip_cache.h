// Inside eval: training clips of a probe that needs whole clips (eval/clip_probe.h), as they come.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "eval/clip_probe.h"

namespace concertina {

// Clips are kept in fp16, up to this; then every second one of them, every fourth and so on.
inline constexpr int64_t kClipCacheBytes = int64_t{1} << 30;

// LabelledClip has a member `frames`, a ProbeClip.
template <class LabelledClip>
class ClipCache {
 public:
  void add(LabelledClip clip) {
    constexpr double kLargestFp16 = 65504;
    if (seen_++ % every_ != 0) return;
    at::Tensor& features = clip.frames.features;
    features = features.clamp(-kLargestFp16, kLargestFp16).to(at::kHalf);
    bytes_ += static_cast<int64_t>(features.nbytes());
    clips_.push_back(std::move(clip));
    while (bytes_ > kClipCacheBytes && clips_.size() > 1) thin();
  }
  std::vector<LabelledClip> take() { return std::move(clips_); }

 private:
  void thin() {
    every_ *= 2;
    bytes_ = 0;
    std::vector<LabelledClip> kept;
    for (size_t i = 0; i < clips_.size(); i += 2) {
      bytes_ += static_cast<int64_t>(clips_[i].frames.features.nbytes());
      kept.push_back(std::move(clips_[i]));
    }
    clips_ = std::move(kept);
  }

  int64_t every_ = 1, seen_ = 0, bytes_ = 0;
  std::vector<LabelledClip> clips_;
};

}  // namespace concertina
