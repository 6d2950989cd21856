#include "speech/mask.h"

#include <gtest/gtest.h>

#include <numeric>

namespace concertina {
namespace {

int64_t masked(const std::vector<uint8_t>& mask) {
  return std::accumulate(mask.begin(), mask.end(), int64_t{0});
}

TEST(SpanMask, CoversTheShareThatOverlappingSpansGive) {
  // Starts are distinct; a frame stays free when none of the 10 starts before it is drawn: (1 -
  // 0.065)^10 = 0.51.
  Rng rng(3);
  double covered = 0;
  for (int i = 0; i < 200; ++i)
    covered += static_cast<double>(masked(span_mask(1000, {}, rng))) / 1000;
  EXPECT_NEAR(covered / 200, 0.49, 0.01);
}

TEST(SpanMask, DrawsSpansOfTheGivenLength) {
  Rng rng(5);
  const MaskOptions options{0.05, 5, 1};
  for (int i = 0; i < 50; ++i) {
    const auto mask = span_mask(200, options, rng);
    for (size_t first = 0, last; first < mask.size(); first = last + 1) {
      for (last = first; last < mask.size() && mask[last]; ++last) continue;
      EXPECT_TRUE(last == first || last - first >= 5) << first << " " << last;
    }
  }
}

TEST(SpanMask, KeepsTheLeastNumberOfSpans) {
  Rng rng(7);
  EXPECT_GE(masked(span_mask(100, {0.0, 10, 2}, rng)), 11);
  EXPECT_EQ(masked(span_mask(100, {0.0, 10, 0}, rng)), 0);
}

TEST(SpanMask, ShortClipsKeepAFreeStart) {
  Rng rng(9);
  EXPECT_TRUE(span_mask(0, {}, rng).empty());
  EXPECT_EQ(masked(span_mask(1, {}, rng)), 0);
  for (int64_t frames = 2; frames < 30; ++frames) {
    const auto mask = span_mask(frames, {}, rng);
    EXPECT_EQ(static_cast<int64_t>(mask.size()), frames);
    EXPECT_GE(masked(mask), 1);
  }
}

TEST(SpanMask, SameSeedSameMask) {
  Rng a(11), b(11);
  EXPECT_EQ(span_mask(500, {}, a), span_mask(500, {}, b));
}

}  // namespace
}  // namespace concertina
