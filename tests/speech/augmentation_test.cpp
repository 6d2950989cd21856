#include "speech/augmentation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/errors.h"
#include "core/threads.h"
#include "speech/audio.h"
#include "speech/resample.h"
#include "tests/speech/synthetic_data.h"

namespace concertina {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using testing::message_of;
using testing::sine;
using testing::TempFolder;

constexpr size_t kLength = 16000;

class AugmentationTest : public ::testing::Test {
 protected:
  // Two clips of two seconds, and noise of half a second in a manifest of its own.
  AugmentationTest() {
    Manifest speech{folder_.path(), {}}, noise{folder_.path(), {}};
    speech.clips = {written("a", sine(300, 32000)), written("b", sine(410, 32000))};
    noise.clips = {written("hiss", sine(3000, 8000, 16000, 0.2F))};
    write_manifest(noise, noise_clips());
    clips_.emplace(speech, Split::kTrain, 320);
  }

  std::filesystem::path noise_clips() const { return folder_ / "noise.tsv"; }

  Clip written(const std::string& id, const std::vector<float>& samples) const {
    write_wav(folder_ / (id + ".wav"), samples);
    Clip clip;
    clip.id = id;
    clip.path = id + ".wav";
    clip.samples = static_cast<int64_t>(samples.size());
    clip.source = "tones";
    return clip;
  }

  std::vector<float> augmented(const AugmentOptions& options, uint64_t row = 0) const {
    std::vector<float> samples = clean_;
    Augmentation(options).apply(samples, *clips_, Rng(5).fork("row", row));
    return samples;
  }

  std::vector<float> added(const AugmentOptions& options, uint64_t row) const {
    std::vector<float> difference = augmented(options, row);
    for (size_t i = 0; i < kLength; ++i) difference[i] -= clean_[i];
    return difference;
  }

  TempFolder folder_;
  std::optional<JoinedClips> clips_;
  std::vector<float> clean_ = sine(200, kLength);
};

float peak(const std::vector<float>& samples) {
  float most = 0;
  for (const float x : samples) most = std::max(most, std::abs(x));
  return most;
}

TEST_F(AugmentationTest, NothingAskedForIsNull) {
  EXPECT_EQ(make_augmentation({}), nullptr);
  AugmentOptions options;
  options.mixing.probability = 0.2;
  EXPECT_NE(make_augmentation(options), nullptr);
}

TEST_F(AugmentationTest, MixesAPartOfAnotherUtterance) {
  AugmentOptions options;
  options.mixing.probability = 0.5;
  options.mixing.noise_probability = 0;
  int64_t mixed = 0;
  float softest = 10, loudest = 0;
  for (uint64_t row = 0; row < 300; ++row) {
    const std::vector<float> difference = added(options, row);
    const auto is_added = [](float x) { return x != 0; };
    const auto first = std::find_if(difference.begin(), difference.end(), is_added);
    const auto last = std::find_if(difference.rbegin(), difference.rend(), is_added).base();
    if (first == difference.end()) continue;
    ++mixed;
    ASSERT_LE(last - first, static_cast<std::ptrdiff_t>(kLength / 2));
    if (last - first < 100) continue;  // shorter than a period: the peak is not informative
    softest = std::min(softest, peak(difference));
    loudest = std::max(loudest, peak(difference));
  }
  EXPECT_NEAR(static_cast<double>(mixed), 150, 30);
  // All tones have a peak of 0.5 and equal power: -5 to 5 dB are factors of 1.78 and 0.56.
  EXPECT_NEAR(softest, 0.5 * std::pow(10, -5.0 / 20), 0.02);
  EXPECT_NEAR(loudest, 0.5 * std::pow(10, 5.0 / 20), 0.04);
}

TEST_F(AugmentationTest, MixesNoiseAsOftenAsAsked) {
  AugmentOptions options;
  options.noise_clips = noise_clips();
  options.mixing = {.probability = 1, .noise_probability = 0.25, .longest = 1};
  int64_t by_noise = 0, counted = 0;
  for (uint64_t row = 0; row < 200; ++row) {
    const std::vector<float> difference = added(options, row);
    int64_t turns = 0, there = 0;  // changes of sign tell the tone
    for (size_t i = 1; i < kLength; ++i) {
      turns += difference[i] * difference[i - 1] < 0;
      there += difference[i] != 0;
    }
    if (there < 500) continue;
    ++counted;
    by_noise += static_cast<double>(turns) / static_cast<double>(there) > 0.2;  // 3 kHz: 0.375
  }
  EXPECT_NEAR(static_cast<double>(by_noise) / static_cast<double>(counted), 0.25, 0.08);
}

TEST_F(AugmentationTest, NoiseLiesOverTheWholeAtTheDrawnLevel) {
  AugmentOptions options;
  options.noise_clips = noise_clips();
  options.noise = {.probability = 1, .snr = {3, 9}};
  double lowest = 100, highest = -100;
  for (uint64_t row = 0; row < 100; ++row) {
    const std::vector<float> difference = added(options, row);
    const double snr = 10 * std::log10(mean_power(clean_) / mean_power(difference));
    lowest = std::min(lowest, snr);
    highest = std::max(highest, snr);
    EXPECT_GT(mean_power(std::span(difference).last(1000)), 0);  // half a second, repeated
  }
  EXPECT_NEAR(lowest, 3, 0.3);
  EXPECT_NEAR(highest, 9, 0.3);
}

TEST_F(AugmentationTest, BandLimitTakesOutWhatIsAbove) {
  std::vector<float> low = sine(1000, kLength), high = sine(6000, kLength);
  const std::vector<float> before = low;
  band_limit(low, 4000);
  band_limit(high, 4000);
  EXPECT_LT(mean_power(std::span(high).subspan(800, kLength - 1600)), 1e-8);
  for (size_t i = 800; i < kLength - 800; ++i) ASSERT_NEAR(low[i], before[i], 1e-3) << i;

  AugmentOptions options;
  options.band_limit = {.probability = 1, .cutoff = {100, 110}};
  EXPECT_LT(mean_power(augmented(options)), 0.01);  // of a tone of 200 Hz
}

TEST_F(AugmentationTest, DependsOnTheRowsGeneratorOnly) {
  AugmentOptions options;
  options.noise_clips = noise_clips();
  options.mixing.probability = options.noise.probability = options.band_limit.probability = 0.7;
  const Augmentation augmentation(options);
  constexpr int64_t kRows = 16;
  const auto row_of = [&](int64_t row) {
    std::vector<float> samples = clean_;
    augmentation.apply(samples, *clips_, Rng(5).fork("row", static_cast<uint64_t>(row)));
    return samples;
  };
  std::vector<std::vector<float>> rows;
  for (int64_t row = 0; row < kRows; ++row) rows.push_back(row_of(row));
  EXPECT_NE(rows[0], rows[1]);
  std::vector<int> same(kRows);
  parallel_for(kRows, [&](int64_t row) {
    same[static_cast<size_t>(row)] = row_of(row) == rows[static_cast<size_t>(row)];
  });
  EXPECT_THAT(same, Each(1));
}

TEST_F(AugmentationTest, SilenceStaysSilent) {
  AugmentOptions options;
  options.noise_clips = noise_clips();
  options.mixing.probability = options.noise.probability = 1;
  clean_.assign(kLength, 0);
  EXPECT_EQ(peak(augmented(options)), 0);
}

TEST_F(AugmentationTest, TheNoiseManifestIsChecked) {
  AugmentOptions options;
  options.noise_clips = folder_.path();
  EXPECT_THAT(message_of<InputError>([&] { Augmentation{options}; }),
              AllOf(HasSubstr("is a folder"), HasSubstr("corpus scan")));
  options.noise_clips = folder_ / "none.tsv";
  EXPECT_THROW(Augmentation{options}, SystemError);
  options.noise_clips = noise_clips();
  EXPECT_EQ(Augmentation(options).noise_fingerprint(), read_manifest(noise_clips()).fingerprint());
}

TEST(AugmentOptions, AreReadWithWavLmsDefaults) {
  ConfigFile file = ConfigFile::parse(
      "a: {mixing: {probability: 0.2}, band_limit: {probability: 0.1, cutoff: [3000, 3400]}}\n"
      "b: {noise_clips: noise.tsv, mixing: {probability: 0.2}, noise: {probability: 1, snr: [5, "
      "5]}}\n"
      "c: {}\n");
  const auto a = AugmentOptions::from_config(file.root().section("a"));
  const auto b = AugmentOptions::from_config(file.root().section("b"));
  EXPECT_FALSE(AugmentOptions::from_config(file.root().section("c")).any());
  file.finish();
  EXPECT_EQ(a.mixing.probability, 0.2);
  EXPECT_EQ(a.mixing.noise_probability, 0);  // no noise clips
  EXPECT_EQ(a.mixing.utterance_snr.low, -5);
  EXPECT_EQ(a.mixing.utterance_snr.high, 5);
  EXPECT_EQ(a.band_limit.cutoff.high, 3400);
  EXPECT_EQ(b.mixing.noise_probability, 0.1);
  EXPECT_EQ(b.mixing.noise_snr.high, 20);
  EXPECT_EQ(b.noise.snr.low, 5);
}

TEST(AugmentOptions, ReportEveryProblem) {
  ConfigFile file = ConfigFile::parse(
      "augment:\n  mixing: {probability: 1.5, noise_probability: 0.1, utterance_snr: [5, -5]}\n"
      "  noise: {probability: 0.3, snr: 4}\n  band_limit: {cutoff: [2000, 9000]}\n  reverb: 1\n");
  AugmentOptions::from_config(file.root().section("augment"));
  EXPECT_THAT(message_of<InputError>([&] { file.finish(); }),
              AllOf(HasSubstr("probability: expected 0 to 1"), HasSubstr("noise_probability"),
                    HasSubstr("utterance_snr: expected [lowest, highest] within -100 to 100"),
                    HasSubstr("needs augment.noise_clips"), HasSubstr("snr"),
                    HasSubstr("cutoff: expected [lowest, highest] within 100 to 7999"),
                    HasSubstr("reverb")));
}

}  // namespace
}  // namespace concertina
