#include "speech/mixing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/speech/synthetic_data.h"

namespace concertina {
namespace {

using testing::sine;

TEST(Mixing, GainPutsTheSoundBelowTheUtterance) {
  const std::vector<float> loud = sine(300, 16000, 16000, 0.8F),
                           soft = sine(500, 8000, 16000, 0.1F);
  EXPECT_NEAR(mean_power(loud), 0.32, 1e-4);
  const double gain = mixing_gain(mean_power(loud), mean_power(soft), 6);
  const double after = gain * gain * mean_power(soft);
  EXPECT_NEAR(10 * std::log10(mean_power(loud) / after), 6, 1e-9);
  EXPECT_EQ(mixing_gain(0.5, 0, 0), 0);
  EXPECT_EQ(mixing_gain(0, 0.5, 0), 0);
  EXPECT_EQ(mean_power({}), 0);
}

TEST(Mixing, PartsFitAndReachTheirBounds) {
  constexpr int64_t kUtterance = 21, kSound = 9;
  Rng rng(1);
  int64_t longest = 0, to = 0, from = 0, none = 0;
  double mean = 0;
  for (int i = 0; i < 4000; ++i) {
    const MixedPart part = draw_part(kUtterance, kUtterance, 0.5, rng);
    ASSERT_LE(part.length, 10);
    ASSERT_LE(part.from + part.length, kUtterance);
    ASSERT_LE(part.to + part.length, kUtterance);
    ASSERT_GE(std::min(part.from, part.to), 0);
    longest = std::max(longest, part.length);
    to = std::max(to, part.to + part.length);
    from = std::max(from, part.from + part.length);
    none += part.length == 0;
    mean += static_cast<double>(part.length) / 4000;
    ASSERT_LE(draw_part(kUtterance, kSound, 1, rng).length, kSound);
  }
  EXPECT_EQ(longest, 10);
  EXPECT_EQ(to, kUtterance);
  EXPECT_EQ(from, kUtterance);
  EXPECT_NEAR(static_cast<double>(none), 4000 / 11.0, 60);
  EXPECT_NEAR(mean, 5, 0.2);
}

TEST(Mixing, AddsThePartAndNothingElse) {
  std::vector<float> utterance = {1, 1, 1, 1, 1};
  const std::vector<float> sound = {10, 20, 30};
  add_part(utterance, sound, {.length = 2, .from = 1, .to = 2}, 0.5);
  EXPECT_EQ(utterance, (std::vector<float>{1, 1, 11, 16, 1}));
}

}  // namespace
}  // namespace concertina
