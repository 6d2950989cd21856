#include "speech/trim.h"

#include <gtest/gtest.h>

#include "tests/speech/synthetic_data.h"

namespace concertina {
namespace {

using testing::sine;

TEST(Trim, KeepsATenthOfASecondAroundWhatSounds) {
  std::vector<float> samples(16000 * 3, 0);
  const std::vector<float> tone = sine(300, 16000);
  std::copy(tone.begin(), tone.end(), samples.begin() + 16000);
  const SampleRange part = sounding_part(samples, 40);
  EXPECT_NEAR(static_cast<double>(part.begin), 16000 - 1600, 500);
  EXPECT_NEAR(static_cast<double>(part.end), 32000 + 1600, 500);
  EXPECT_LE(part.begin, 16000 - 1600);
  EXPECT_GE(part.end, 32000 + 1600);
}

TEST(Trim, ThresholdIsRelativeToTheLoudest) {
  std::vector<float> samples = sine(300, 48000, 16000, 0.005F);  // 40 dB under
  const std::vector<float> tone = sine(300, 16000);
  std::copy(tone.begin(), tone.end(), samples.begin() + 16000);
  EXPECT_GT(sounding_part(samples, 30).begin, 10000);
  EXPECT_EQ(sounding_part(samples, 50).begin, 0);
  EXPECT_EQ(sounding_part(samples, 50).end, 48000);
}

TEST(Trim, NothingButZerosIsEmpty) {
  EXPECT_EQ(sounding_part(std::vector<float>(1000, 0), 40).end, 0);
  EXPECT_EQ(sounding_part({}, 40).end, 0);
  const std::vector<float> click = {0.5F};
  EXPECT_EQ(sounding_part(click, 40).end, 1);
}

}  // namespace
}  // namespace concertina
