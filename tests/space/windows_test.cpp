#include "supernet/space/windows.h"

#include <gtest/gtest.h>

#include "core/errors.h"
#include "supernet/space/frames.h"

namespace concertina {
namespace {

Blueprint wave() { return Blueprint{}; }

Blueprint mel(RateKind rate) {
  Blueprint blueprint;
  blueprint.front_end = FrontEndKind::kLogMel;
  blueprint.rate = rate;
  return blueprint;
}

void expect_whole(const std::vector<AudioWindow>& windows, int64_t frames) {
  int64_t next = 0;
  for (const AudioWindow& window : windows) {
    EXPECT_EQ(window.begin, next);
    EXPECT_LT(window.begin, window.end);
    EXPECT_LE(window.first, window.begin);
    EXPECT_LE(window.end, window.first + window.frames);
    next = window.end;
  }
  EXPECT_EQ(next, frames);
}

TEST(Windows, EveryFrameIsKeptOnceWithContextOnBothSides) {
  for (const int64_t frames : {1, 49, 1500, 1501, 1600, 7499, 30001}) {
    const auto windows = plan_windows(wave(), 20000, frames, {.seconds = 30, .overlap = 2});
    expect_whole(windows, frames);
    EXPECT_EQ(windows.size() == 1, frames <= 1500);
    for (size_t i = 1; i < windows.size(); ++i) {
      EXPECT_EQ(windows[i].frames, 1500);
      EXPECT_GE(windows[i].begin - windows[i].first, 50);
      EXPECT_GE(windows[i - 1].first + windows[i - 1].frames - windows[i - 1].end, 50);
    }
  }
}

TEST(Windows, FramesOfTheSubnetAlignWithThoseOfTheWholeClip) {
  for (const RateKind rate : {RateKind::kCif, RateKind::kAverage}) {
    for (const int32_t period : {20000, 40000, 60000}) {
      const Blueprint blueprint = mel(rate);
      for (const int64_t frames : {997, 1000, 1003}) {
        const auto windows = plan_windows(blueprint, period, frames, {.seconds = 5, .overlap = 1});
        expect_whole(windows, frames);
        for (const AudioWindow& window : windows) {
          EXPECT_EQ(window.first % (period / 20000), 0);
          EXPECT_EQ(window.begin % (period / 20000), 0);
          EXPECT_EQ(compressed_frames(blueprint, window.first + window.frames, period),
                    compressed_frames(blueprint, window.first, period) +
                        compressed_frames(blueprint, window.frames, period));
        }
      }
    }
  }
  const auto windows =
      plan_windows(mel(RateKind::kCif), 90000, 5000, {.seconds = 10, .overlap = 2});
  for (const AudioWindow& window : windows) EXPECT_EQ(window.first % 9, 0);
}

TEST(Windows, InvalidOptionsAreRejected) {
  EXPECT_THROW(plan_windows(wave(), 20000, 5000, {.seconds = 0.5, .overlap = 0}), InputError);
  EXPECT_THROW(plan_windows(wave(), 20000, 5000, {.seconds = 10, .overlap = 6}), InputError);
  EXPECT_THROW(plan_windows(wave(), 20000, 5000, {.seconds = 10, .overlap = -1}), InputError);
  EXPECT_THROW(plan_windows(mel(RateKind::kCif), 33300, 5000, {.seconds = 10, .overlap = 0}),
               InputError);
}

}  // namespace
}  // namespace concertina
