#include "eval/weighted_clips.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/errors.h"
#include "core/rng.h"
#include "eval/task.h"
#include "speech/joined_clips.h"

namespace concertina {

std::vector<int64_t> weighted_clips(const Manifest& manifest, Split split, const ClipDraw& draw) {
  constexpr int32_t kFrameSamples = kShortestClip;
  const JoinedClips joined(manifest, split, kFrameSamples, draw.source_weight);
  Rng rng = Rng(draw.seed).fork(fmt::format("clips {}", split_name(split)));
  std::vector<std::pair<double, int64_t>> order;
  for (const JoinedClips::ClipSpan& span : joined.clips())
    order.emplace_back(-std::log1p(-rng.uniform()) / span.weight, span.clip);
  std::ranges::sort(order);
  std::vector<int64_t> clips;
  double seconds = 0;
  for (const auto& [key, clip] : order) {
    if (seconds >= draw.seconds) break;
    const auto samples = static_cast<double>(manifest.clips[static_cast<size_t>(clip)].samples);
    seconds += std::min(samples / kTaskSampleRate, draw.clip_seconds);
    clips.push_back(clip);
  }
  std::ranges::sort(clips);
  return clips;
}

}  // namespace concertina
