#include "speech/joined_clips.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/errors.h"
#include "core/threads.h"
#include "speech/audio.h"
#include "tests/speech/synthetic_data.h"

namespace concertina {
namespace {

using ::testing::HasSubstr;
using testing::message_of;
using testing::TempFolder;

// Clips whose samples tell where they came from: the value is (clip * 100 + frame) / 32768.
class JoinedClipsTest : public ::testing::Test {
 protected:
  static constexpr int32_t kFrame = 10;

  void add(const std::string& source, int64_t samples, Split split = Split::kTrain) {
    const auto number = static_cast<int64_t>(manifest_.clips.size());
    Clip clip;
    clip.id = std::to_string(number);
    clip.path = clip.id + ".wav";
    clip.samples = samples;
    clip.source = source;
    clip.split = split;
    std::vector<float> wave;
    for (int64_t i = 0; i < samples; ++i)
      wave.push_back(static_cast<float>(number * 100 + i / kFrame) / 32768.0F);
    write_wav(folder_ / clip.path, wave);
    manifest_.folder = folder_.path();
    manifest_.clips.push_back(clip);
  }

  static int64_t value(float x) { return std::lround(x * 32768.0F); }

  TempFolder folder_;
  Manifest manifest_;
};

TEST_F(JoinedClipsTest, JoinsWholeFramesOfASource) {
  add("b", 35);
  add("a", 20);
  add("b", 9);
  add("b", 40);
  add("b", 100, Split::kDev);
  const JoinedClips joined(manifest_, Split::kTrain, kFrame);
  EXPECT_EQ(joined.total_frames(), 2 + 3 + 4);
  EXPECT_EQ(joined.longest_stream(), 3 + 4);
  ASSERT_EQ(joined.clips().size(), 3U);
  std::vector<float> out(9 * kFrame);
  joined.read(0, out);
  const std::vector<int64_t> expected = {100, 101, 0, 1, 2, 300, 301, 302, 303};
  for (size_t frame = 0; frame < expected.size(); ++frame) {
    for (size_t i = 0; i < kFrame; ++i) EXPECT_EQ(value(out[frame * kFrame + i]), expected[frame]);
  }
  std::vector<float> crop(3 * kFrame);
  joined.read(4, crop);
  EXPECT_EQ(value(crop[0]), 2);
  EXPECT_EQ(value(crop[kFrame]), 300);
}

TEST_F(JoinedClipsTest, DrawsBySourceWeightAndInsideOneSource) {
  add("festvox-ru", 1000);
  add("game", 1000);
  add("short", 20);
  const JoinedClips joined(manifest_, Split::kTrain, kFrame, {{"festvox", 3}, {"game", 1}});
  Rng rng(1);
  int64_t festvox = 0;
  constexpr int kDraws = 4000;
  for (int i = 0; i < kDraws; ++i) {
    const int64_t first = joined.draw(5, rng);
    EXPECT_TRUE(first <= 95 || (first >= 100 && first <= 195)) << first;
    festvox += first < 100;
  }
  EXPECT_NEAR(static_cast<double>(festvox) / kDraws, 0.75, 0.03);
}

TEST_F(JoinedClipsTest, WeightZeroLeavesASourceOut) {
  add("a", 100);
  add("b", 100);
  EXPECT_EQ(JoinedClips(manifest_, Split::kTrain, kFrame, {{"a", 0}}).total_frames(), 10);
  EXPECT_THROW(JoinedClips(manifest_, Split::kTrain, kFrame, {{"a", 0}, {"b", 0}}), InputError);
  EXPECT_THROW(JoinedClips(manifest_, Split::kTest, kFrame), InputError);
  EXPECT_THROW(JoinedClips(manifest_, Split::kTrain, kFrame, {{"a", -1}}), InputError);
}

TEST_F(JoinedClipsTest, UnknownSourceAndTooLongCropAreErrors) {
  add("festvox", 100);
  EXPECT_THAT(message_of<InputError>(
                  [&] { JoinedClips(manifest_, Split::kTrain, kFrame, {{"festvx", 1}}); }),
              HasSubstr("did you mean 'festvox'?"));
  Rng rng;
  EXPECT_THROW(JoinedClips(manifest_, Split::kTrain, kFrame).draw(11, rng), InputError);
}

TEST_F(JoinedClipsTest, ReadsFromManyThreads) {
  for (int i = 0; i < 4; ++i) add("a", 100);
  const JoinedClips joined(manifest_, Split::kTrain, kFrame);
  std::vector<float> whole(40 * kFrame);
  joined.read(0, whole);
  std::vector<int> equal(200, 0);
  parallel_for(200, [&](int64_t i) {
    std::vector<float> out(7 * kFrame);
    const int64_t first = i % 33;
    joined.read(first, out);
    equal[static_cast<size_t>(i)] =
        std::equal(out.begin(), out.end(), whole.begin() + first * kFrame);
  });
  EXPECT_THAT(equal, ::testing::Each(1));
}

TEST_F(JoinedClipsTest, AFileThatShrankIsNamed) {
  add("a", 100);
  const JoinedClips joined(manifest_, Split::kTrain, kFrame);
  std::filesystem::resize_file(folder_ / "0.wav", 60);
  std::vector<float> out(10 * kFrame);
  EXPECT_THAT(message_of<InputError>([&] { joined.read(0, out); }), HasSubstr("0.wav"));
}

}  // namespace
}  // namespace concertina
