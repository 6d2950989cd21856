#include "distill/data/target_windows.h"

#include <algorithm>
#include <cmath>

namespace concertina {
namespace {

constexpr int64_t kContextShare = 6;    // of a window is context, on both sides
constexpr int64_t kShortestWindow = 6;  // frames

int64_t window_frames(double seconds, const Blueprint& blueprint) {
  const double frames = seconds * blueprint.sample_rate / blueprint.base_frame_samples();
  return std::max<int64_t>(kShortestWindow, std::llround(frames));
}

// Windows over `frames` frames of the stream from `first` on, all of one length: the last one ends
// where they do. The encoder gives a frame less than its input has.
void add_windows(int64_t first, int64_t frames, int64_t window, const Blueprint& blueprint,
                 std::vector<TargetWindow>& windows) {
  const auto encoded = [&](int64_t count) {
    return blueprint.frames(count * blueprint.base_frame_samples());
  };
  if (frames <= window) {
    if (encoded(frames) > 0) windows.push_back({first, frames, first, encoded(frames)});
    return;
  }
  const int64_t context = window / kContextShare, last_start = first + frames - window;
  for (int64_t kept = first, start = first;; start = kept - context) {
    start = std::min(start, last_start);
    const bool last = start == last_start;
    const int64_t end = start + (last ? encoded(window) : window - context);
    windows.push_back({start, window, kept, end - kept});
    if (last) return;
    kept = end;
  }
}

}  // namespace

std::vector<TargetWindow> target_windows(const JoinedClips& clips, const Blueprint& blueprint,
                                         const BatchOptions& batch) {
  const double seconds = batch.whole_clips ? batch.longest : batch.seconds;
  const int64_t window = window_frames(seconds, blueprint);
  std::vector<TargetWindow> windows;
  if (batch.whole_clips || batch.within_clips) {
    for (const JoinedClips::ClipSpan& span : clips.clips()) {
      add_windows(span.first_frame, span.frames, window, blueprint, windows);
    }
  } else {
    add_windows(0, clips.total_frames(), window, blueprint, windows);
  }
  return windows;
}

}  // namespace concertina
