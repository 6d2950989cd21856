// Long audio is encoded in overlapping windows. The plan says which frames each window encodes and
// which of them are kept, so that together they are all frames of the clip, each exactly once.
#pragma once

#include <cstdint>
#include <vector>

#include "supernet/space/blueprint.h"

namespace concertina {

struct WindowOptions {
  double seconds = 30;  // of one window
  double overlap = 2;   // seconds that neighbours share; each keeps half of them
};

// The longest clip that is encoded in one piece, in seconds: as many frames as the model has
// positions; infinite where it has no table of them.
double longest_clip_s(const Blueprint& blueprint);

// Base frames of the whole clip: [first, first + frames) are encoded, [begin, end) are kept.
// `first` and `begin` are multiples of the subnet's frame period, so that its own frames align too.
struct AudioWindow {
  int64_t first = 0, frames = 0;
  int64_t begin = 0, end = 0;
};

// Windows for a clip of `frames` base frames, in order; one where the clip fits into one; else
// all are of full length, and the last one begins early enough. InputError when a window is shorter
// than a second, than four frames of the period or than twice the overlap.
std::vector<AudioWindow> plan_windows(const Blueprint& blueprint, int32_t frame_period_us,
                                      int64_t frames, const WindowOptions& options);

}  // namespace concertina
