#include "eval/diarization.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "eval/mixtures.h"
#include "tests/eval/golden.h"

namespace concertina {
namespace {

// Made by tests/parity/golden/diarization.py from the definitions.
const nlohmann::json& golden_diarization() {
  static const nlohmann::json golden = nlohmann::json::parse(
      read_text(std::string(CONCERTINA_SOURCE_DIR) + "/tests/eval/diarization.json"));
  return golden;
}

TEST(Diarization, ErrorsEqualTheGoldenOnes) {
  for (const auto& each : golden_diarization().at("errors")) {
    const DiarizationErrors own =
        diarization_errors(each.at("reference").get<Activity>(),
                           each.at("hypothesis").get<Activity>(), each.at("collar").get<int64_t>());
    EXPECT_EQ(own.missed, each.at("missed").get<double>()) << each;
    EXPECT_EQ(own.false_alarms, each.at("false_alarms").get<double>()) << each;
    EXPECT_EQ(own.confused, each.at("confused").get<double>()) << each;
    EXPECT_EQ(own.speech, each.at("speech").get<double>()) << each;
  }
}

TEST(Diarization, MediansEqualTheGoldenOnes) {
  for (const auto& each : golden_diarization().at("medians"))
    EXPECT_EQ(median_filtered(each.at("activity").get<Activity>(), each.at("width").get<int64_t>()),
              each.at("median").get<Activity>())
        << each;
}

TEST(Diarization, LossesEqualTheGoldenOnes) {
  for (const auto& each : golden_diarization().at("losses")) {
    const at::Tensor logits = testing::golden_tensor(each.at("logits")).to(at::kFloat).view({6, 2});
    const ClipLoss own = permutation_invariant_loss(each.at("activity").get<Activity>(), logits);
    EXPECT_NEAR(own.value, each.at("loss").get<double>(), 1e-6);
    const at::Tensor expected = testing::golden_tensor(each.at("gradient")).to(at::kFloat);
    EXPECT_TRUE(at::allclose(own.of_logits.flatten(), expected, 1e-4, 1e-6)) << own.of_logits;
  }
}

TEST(Diarization, NamesOfSpeakersDoNotCount) {
  const Activity reference = {0, 1, 1, 3, 2, 2, 0}, exchanged = {0, 2, 2, 3, 1, 1, 0};
  EXPECT_EQ(diarization_errors(reference, exchanged).errors(), 0);
  EXPECT_EQ(diarization_errors(reference, exchanged).speech, 6);
}

TEST(Diarization, ActivityIsWhereTheProbabilityIsAboveTheThreshold) {
  const at::Tensor scores = at::tensor({-1.F, 1.F, 0.1F, -0.1F, 2.F, 2.F}).view({3, 2});
  EXPECT_EQ(activity_above(scores, 0.5), (Activity{2, 1, 3}));
  EXPECT_EQ(activity_above(scores, 0.7), (Activity{2, 0, 3}));
}

std::vector<float> tone(int64_t samples, float amplitude) {
  std::vector<float> wave;
  for (int64_t i = 0; i < samples; ++i)
    wave.push_back(amplitude * std::sin(0.3F * static_cast<float>(i)));
  return wave;
}

TEST(Diarization, SpeechIsWhatIsLoudEnough) {
  std::vector<float> samples = tone(8000, 0.001F);
  const std::vector<float> loud = tone(8000, 0.5F);
  samples.insert(samples.end(), loud.begin(), loud.end());
  const Activity steps = speech_steps(samples);
  ASSERT_EQ(steps.size(), 100u);
  EXPECT_EQ(std::count(steps.begin(), steps.begin() + 50, 1), 0);
  EXPECT_GE(std::count(steps.begin() + 50, steps.end(), 1), 50 - 6);  // the median's end
  EXPECT_NEAR(speech_power(samples, steps), 0.125, 0.002);
  EXPECT_EQ(speech_power(std::vector<float>(3200), speech_steps(std::vector<float>(3200))), 0);
}

TEST(Mixtures, AreOfTwoSpeakersThatOverlapAndFewerAreAPrefix) {
  std::vector<MixableClip> clips;
  for (int64_t i = 0; i < 40; ++i) clips.push_back({i, i % 4, 16000 + 100 * i});
  const std::vector<Mixture> many = draw_mixtures(clips, 200, Rng(1));
  ASSERT_EQ(many.size(), 200u);
  for (const Mixture& each : many) {
    EXPECT_NE(each.first % 4, each.second % 4);
    EXPECT_LT(each.offset, 16000 + 100 * each.first);
  }
  const std::vector<Mixture> few = draw_mixtures(clips, 50, Rng(1));
  EXPECT_EQ(few, std::vector<Mixture>(many.begin(), many.begin() + 50));
  EXPECT_NE(few, draw_mixtures(clips, 50, Rng(2)));
}

TEST(Mixtures, EachPairOfClipsIsMixedOnce) {
  const std::vector<MixableClip> clips = {{0, 0, 100}, {1, 0, 100}, {2, 1, 100}};
  EXPECT_EQ(draw_mixtures(clips, 10, Rng(1)).size(), 2u);
  EXPECT_TRUE(draw_mixtures(std::span(clips).first(2), 10, Rng(1)).empty());
}

TEST(Mixtures, AddTheSecondClipLater) {
  const Mixture mixture{0, 1, 2, 0.5F};
  EXPECT_EQ(mixed(mixture, {1, 1, 1}, std::vector<float>{2, 4}), (std::vector<float>{1, 1, 2, 2}));
  EXPECT_EQ(mixed_samples(mixture, 3, 2), 4);
  EXPECT_EQ(mixed_samples(mixture, 9, 2), 9);
}

}  // namespace
}  // namespace concertina
