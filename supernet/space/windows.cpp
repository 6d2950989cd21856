#include "supernet/space/windows.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "core/errors.h"

namespace concertina {
namespace {

constexpr double kShortest_s = 1;

// The fewest base frames that are whole frames of the subnet too.
int64_t alignment(const Blueprint& blueprint, int32_t frame_period_us) {
  const int64_t base = blueprint.base_frame_period_us();
  return std::lcm(base, int64_t{frame_period_us}) / base;
}

int64_t down_to(int64_t frames, int64_t unit) { return frames / unit * unit; }

void check(const Blueprint& blueprint, int32_t frame_period_us, const WindowOptions& options) {
  const double period_s = blueprint.base_frame_period_us() * 1e-6;
  const double shortest = std::max(
      kShortest_s, 4 * period_s * static_cast<double>(alignment(blueprint, frame_period_us)));
  if (!(options.seconds >= shortest))
    throw InputError(fmt::format("a window of {:g} s is too short: it takes {:g} s at least",
                                 options.seconds, shortest));
  if (!(options.overlap >= 0 && options.overlap <= options.seconds / 2))
    throw InputError(
        fmt::format("windows of {:g} s cannot share {:g} s: between 0 and half of them",
                    options.seconds, options.overlap));
}

}  // namespace

double longest_clip_s(const Blueprint& blueprint) {
  if (blueprint.position_embeddings == 0) return std::numeric_limits<double>::infinity();
  return blueprint.position_embeddings * (blueprint.base_frame_period_us() * 1e-6);
}

std::vector<AudioWindow> plan_windows(const Blueprint& blueprint, int32_t frame_period_us,
                                      int64_t frames, const WindowOptions& options) {
  check(blueprint, frame_period_us, options);
  const int64_t unit = alignment(blueprint, frame_period_us);
  const auto in_units = [&](double seconds) {
    return down_to(static_cast<int64_t>(seconds * 1e6 / blueprint.base_frame_period_us()), unit);
  };
  const int64_t length = in_units(options.seconds);
  const int64_t step = length - 2 * in_units(options.overlap / 2);
  std::vector<AudioWindow> windows;
  for (int64_t first = 0;; first += step) {
    const bool last = first + length >= frames;
    if (last && !windows.empty()) first = down_to(frames - length + unit - 1, unit);
    windows.push_back({first, std::min(length, frames - first), 0, frames});
    if (last) break;
  }
  for (size_t i = 1; i < windows.size(); ++i) {
    const int64_t shared = windows[i].first + windows[i - 1].first + windows[i - 1].frames;
    windows[i].begin = windows[i - 1].end = down_to(shared / 2, unit);
  }
  return windows;
}

}  // namespace concertina
