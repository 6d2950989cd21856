#include "supernet/space/frames.h"

#include <gtest/gtest.h>

#include "tests/space/spaces.h"

namespace concertina {
namespace {

TEST(Frames, CountsHubertFrames) {
  const Blueprint hubert;
  EXPECT_EQ(hubert.base_frame_samples(), 320);
  EXPECT_EQ(hubert.base_frame_period_us(), 20000);
  EXPECT_EQ(hubert.frames(10000), 31);
  EXPECT_EQ(hubert.frames(16000), 49);
  EXPECT_EQ(hubert.frames(160000), 499);
  EXPECT_EQ(hubert.frames(400), 1);
  EXPECT_EQ(hubert.frames(399), 0);
  EXPECT_EQ(hubert.frames(0), 0);
  EXPECT_EQ(hubert.frames(-5), 0);
}

TEST(Frames, LogMelSharesTheGridOfTheWaveFrontEnd) {
  const Blueprint pocket = load_space("pocket.yaml").blueprint();
  EXPECT_EQ(pocket.front_end, FrontEndKind::kLogMel);
  EXPECT_EQ(pocket.base_frame_period_us(), 20000);
  EXPECT_EQ(pocket.frames(16000), 49);
  EXPECT_EQ(pocket.frames(560), 1);
  EXPECT_EQ(pocket.frames(559), 0);
  EXPECT_EQ(pocket.front_end_dim({}), 160);
}

TEST(Frames, WhisperRoundsUpAndBeginsAtTheFirstSample) {
  const Blueprint whisper = whisper_space().blueprint();
  EXPECT_EQ(whisper.base_frame_samples(), 320);
  EXPECT_EQ(whisper.base_frame_period_us(), 20000);
  EXPECT_EQ(whisper.frames(16000), 50);
  EXPECT_EQ(whisper.frames(16160), 51);  // 101 mel frames
  EXPECT_EQ(whisper.frames(201), 1);
  EXPECT_EQ(whisper.frames(200), 0);  // it cannot be mirrored
  EXPECT_EQ(whisper.frames(480000), 1500);
  EXPECT_EQ(whisper.front_end_dim({}), 160);
  EXPECT_EQ(whisper.frames(samples_for_frames(whisper, 7)), 7);
  EXPECT_EQ(first_centre(whisper), 0);
  EXPECT_EQ(first_centre(Blueprint()), 200);
}

// Log-mel frames of two windows are centred 17.5 ms after the first sample, HuBERT's 12.5 ms.
TEST(Frames, ShiftLeadsToTheNearestFrameInTime) {
  const Blueprint whisper = whisper_space().blueprint(),
                  pocket = load_space("pocket.yaml").blueprint();
  EXPECT_EQ(frame_shift(pocket, whisper), 1);
  EXPECT_EQ(frame_shift(whisper, pocket), -1);
  EXPECT_EQ(frame_shift(Blueprint(), whisper), 1);
  EXPECT_EQ(frame_shift(pocket, Blueprint()), 0);
  EXPECT_EQ(frame_shift(whisper, whisper), 0);
  for (const int64_t frames : {1, 7, 150}) {  // a part of that many frames gives as many rows
    const int64_t of_whisper = whisper.frames(frames * 320) - frame_shift(pocket, whisper);
    EXPECT_EQ(of_whisper, pocket.frames(frames * 320));
  }
}

TEST(Frames, CompressesToRoundedFrames) {
  const Blueprint hubert;
  EXPECT_EQ(compressed_frames(hubert, 499, 20000), 499);
  EXPECT_EQ(compressed_frames(hubert, 499, 40000), 250);  // 249.5 rounds up
  EXPECT_EQ(compressed_frames(hubert, 1, 90000), 1);
  EXPECT_EQ(compressed_frames(hubert, 0, 40000), 0);
}

TEST(Frames, JoinsWholeFrames) {
  Blueprint fithubert;
  fithubert.rate = RateKind::kConv;
  EXPECT_EQ(compressed_frames(fithubert, 499, 40000), 249);
  EXPECT_EQ(compressed_frames(fithubert, 1, 40000), 1);
  EXPECT_EQ(compressed_frames(fithubert, 499, 20000), 499);
}

TEST(Frames, SamplesForFrames) {
  Blueprint mel;
  mel.front_end = FrontEndKind::kLogMel;
  for (const Blueprint& blueprint : {Blueprint{}, mel}) {
    for (const int64_t frames : {1, 2, 7, 1500}) {
      const int64_t samples = samples_for_frames(blueprint, frames);
      EXPECT_EQ(blueprint.frames(samples), frames);
      EXPECT_EQ(blueprint.frames(samples - 1), frames - 1);
    }
  }
}

}  // namespace
}  // namespace concertina
