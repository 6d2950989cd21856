// Long audio as windows that overlap: which frames each encodes and which of them are kept, so that
// together they are the frames of one piece, each once and at its place.
#pragma once

#include <cstdint>
#include <vector>

#include "supernet/space/blueprint.h"

namespace concertina {

struct WindowOptions {
  double seconds = 30;  // of one window
  double overlap = 2;   // seconds that neighbours share; each keeps its half
};

// Base frames of the whole clip: [first, first + frames) are encoded, [begin, end) kept. Begins and
// firsts lie on whole frames of the subnet's period, so that its own frames line up too.
struct Window {
  int64_t first = 0, frames = 0;
  int64_t begin = 0, end = 0;
};

// Windows for a clip of `frames` base frames, in order; one where it fits into one. All but the
// first have their full length: the last begins early enough. InputError when a window is shorter
// than a second, than four frames of that period or than twice the overlap.
std::vector<Window> plan_windows(const Blueprint& blueprint, int32_t frame_period_us,
                                 int64_t frames, const WindowOptions& options);

}  // namespace concertina
