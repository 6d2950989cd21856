#include "eval/ctc_probe.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/rng.h"
#include "eval/edit_distance.h"
#include "eval/sequence_task.h"
#include "eval/words.h"
#include "tests/eval/golden.h"

namespace concertina {
namespace {

// Made by tests/parity/golden/sequences.py from the definitions.
const nlohmann::json& golden_sequences() {
  static const nlohmann::json golden = nlohmann::json::parse(
      read_text(std::string(CONCERTINA_SOURCE_DIR) + "/tests/eval/sequences.json"));
  return golden;
}

std::vector<int64_t> symbols_of(const std::string& text) {
  const std::u32string points = code_points(text);
  return {points.begin(), points.end()};
}

CtcClip ctc_clip(const at::Tensor& features, const std::vector<int64_t>& symbols) {
  CtcClip clip;
  clip.frames.features = features;
  clip.symbols = symbols;
  return clip;
}

TEST(ErrorRates, EqualTheGoldenOnes) {
  for (const auto& each : golden_sequences().at("texts")) {
    const auto reference = symbols_of(each.at("reference").get<std::string>());
    const auto hypothesis = symbols_of(each.at("hypothesis").get<std::string>());
    const SequenceErrors characters = symbol_errors(reference, hypothesis);
    EXPECT_EQ(characters.errors, each.at("characters").at(0).get<double>()) << each;
    EXPECT_EQ(characters.total, each.at("characters").at(1).get<double>()) << each;
    const SequenceErrors words = word_errors(reference, hypothesis, ' ');
    EXPECT_EQ(words.errors, each.at("words").at(0).get<double>()) << each;
    EXPECT_EQ(words.total, each.at("words").at(1).get<double>()) << each;
  }
}

TEST(ErrorRates, SpacesAroundWordsAreNone) {
  const auto words = word_errors(symbols_of("a bc"), symbols_of("  a   bc "), ' ');
  EXPECT_EQ(words.errors, 0);
  EXPECT_EQ(words.total, 2);
}

TEST(CtcProbe, LossAndGradientsEqualTheGoldenOnes) {
  const auto value = [](const std::string& name, at::IntArrayRef shape) {
    return testing::golden_value("ctc " + name, shape).to(at::kFloat);
  };
  const std::vector<CtcClip> clips = {ctc_clip(value("clip 0", {2, 5, 3}), {1, 2}),
                                      ctc_clip(value("clip 1", {2, 4, 3}), {2, 2}),
                                      ctc_clip(value("clip 2", {2, 6, 3}), {1})};
  const c10::InferenceMode guard;
  const ProbeGradients gradients = ctc_gradients(
      clips, {value("layer_logits", {2}), value("weight", {3, 3}), value("bias", {3})},
      {value("mean", {3}), 1.5 + value("spread", {3})});
  const nlohmann::json golden = golden_sequences()["ctc"];
  EXPECT_NEAR(gradients.loss, golden["loss"].get<double>(), 1e-5);
  const auto near = [&](const at::Tensor& own, const char* name) {
    const at::Tensor expected = testing::golden_tensor(golden[name]);
    EXPECT_LT((own.flatten() - expected).norm().item<double>(),
              1e-4 * expected.norm().item<double>())
        << name;
  };
  near(gradients.of.layer_logits, "layer_logits");
  near(gradients.of.weight, "weight");
  near(gradients.of.bias, "bias");
}

TEST(CtcProbe, AClipWithTooFewFramesCountsNothing) {
  const CtcClip possible = ctc_clip(at::randn({2, 9, 3}), {1, 2});
  const CtcClip impossible = ctc_clip(at::randn({2, 2, 3}), {1, 1, 2});
  const ProbeParameters parameters{at::zeros({2}), at::randn({3, 3}), at::zeros({3})};
  const ChannelScale scale{at::zeros({3}), at::ones({3})};
  const ProbeGradients alone = ctc_gradients(std::vector{possible}, parameters, scale);
  const ProbeGradients both = ctc_gradients(std::vector{possible, impossible}, parameters, scale);
  EXPECT_NEAR(both.loss, alone.loss / 2, 1e-6);
  EXPECT_TRUE(at::allclose(both.of.weight, alone.of.weight / 2));
}

// Frames of 3 to 5 of each symbol, some of none between them; the second of two layers shows them.
std::vector<CtcClip> ctc_clips(int64_t count, uint64_t seed) {
  constexpr int64_t kSymbols = 4, kWidth = 8;
  at::Generator world = at::make_generator<at::CPUGeneratorImpl>(5);
  const at::Tensor means = at::empty({kSymbols + 1, kWidth}).normal_(0, 4, world);
  at::Generator noise = at::make_generator<at::CPUGeneratorImpl>(seed);
  Rng rng(seed);
  std::vector<CtcClip> clips;
  for (int64_t i = 0; i < count; ++i) {
    CtcClip clip;
    std::vector<int64_t> frames;
    for (int64_t k = 0; k < 6; ++k) {
      clip.symbols.push_back(1 + rng.below(kSymbols));
      frames.insert(frames.end(), static_cast<size_t>(3 + rng.below(3)), clip.symbols.back());
      frames.insert(frames.end(), static_cast<size_t>(1 + rng.below(2)), 0);
    }
    const auto length = std::ssize(frames);
    clip.frames.features = at::empty({2, length, kWidth}).normal_(0, 1, noise);
    clip.frames.features[1] += means.index_select(0, at::tensor(frames, at::kLong));
    clip.frames.features = clip.frames.features * 3 + 20;
    clip.frames.held_out = i % 4 == 0;
    clips.push_back(clip);
  }
  return clips;
}

double symbol_error_rate(const TrainedProbe& probe, const std::vector<CtcClip>& clips) {
  double errors = 0, total = 0;
  for (const CtcClip& clip : clips) {
    const auto counted =
        symbol_errors(clip.symbols, ctc_decode(probe.scores(clip.frames.features)));
    errors += counted.errors;
    total += counted.total;
  }
  return errors / total;
}

ClipProbeOptions short_training() {
  ClipProbeOptions options;
  options.steps = 300;
  options.search_steps = 40;
  return options;
}

TEST(CtcProbe, FindsTheLayerAndTheSymbols) {
  const TrainedProbe probe = fit_ctc_probe(ctc_clips(80, 1), 5, {});
  EXPECT_LT(symbol_error_rate(probe, ctc_clips(20, 2)), 0.1) << "rate " << probe.rate;
  EXPECT_GT(probe.layer_weights[1].item<double>(), 0.6);
}

TEST(CtcProbe, FewClipsHaveFewerSteps) {
  const auto steps_of = [](int64_t clips) {
    const ClipProbeSteps steps = clip_probe_steps(clips, {});
    return std::pair(steps.search, steps.final);
  };
  EXPECT_EQ(steps_of(2141), std::pair(150, 800));
  EXPECT_EQ(steps_of(25), std::pair(150, 800));
  EXPECT_EQ(steps_of(24), std::pair(144, 768));
  EXPECT_EQ(steps_of(10), std::pair(60, 320));
  for (const int64_t clips : {8, 3, 1}) EXPECT_EQ(steps_of(clips), std::pair(48, 256)) << clips;
  ClipProbeOptions options = short_training();
  options.passes = 2;
  const TrainedProbe probe = fit_ctc_probe(ctc_clips(16, 1), 5, options);
  EXPECT_EQ(probe.steps, 4);
  EXPECT_NE(probe_setting(probe).find("Adam, 4 steps"), std::string::npos) << probe_setting(probe);
}

TEST(CtcProbe, ShuffledSymbolsScoreAtChance) {
  std::vector<CtcClip> clips = ctc_clips(80, 1);
  for (size_t i = 0; i + 1 < clips.size(); ++i) std::swap(clips[i].symbols, clips[i + 1].symbols);
  const TrainedProbe probe = fit_ctc_probe(clips, 5, short_training());
  // Guessing one symbol each time gets a quarter right, if it guesses at all.
  EXPECT_GT(symbol_error_rate(probe, ctc_clips(20, 2)), 0.6);
}

TEST(CtcProbe, IsTheSameForTheSameSeedAndOnOneAndTwoThreads) {
  ClipProbeOptions options = short_training();
  options.steps = 20;
  options.search_steps = 5;
  const int before = at::get_num_threads();
  std::vector<TrainedProbe> probes;
  for (const int threads : {1, 1, 2}) {
    at::set_num_threads(threads);
    probes.push_back(fit_ctc_probe(ctc_clips(16, 1), 5, options));
  }
  at::set_num_threads(before);
  EXPECT_TRUE(at::equal(probes[0].weight, probes[1].weight));
  EXPECT_TRUE(at::equal(probes[0].weight, probes[2].weight));
  options.seed = 1;
  EXPECT_FALSE(at::equal(probes[0].weight, fit_ctc_probe(ctc_clips(16, 1), 5, options).weight));
}

TEST(CtcProbe, DecodesTheBestClassOfEachFrame) {
  const at::Tensor classes = at::tensor({0, 1, 1, 0, 1, 2, 2, 0, 0, 3}, at::kLong);
  EXPECT_EQ(ctc_decode(at::one_hot(classes, 4)), (std::vector<int64_t>{1, 1, 2, 3}));
  EXPECT_TRUE(ctc_decode(at::one_hot(at::zeros({4}, at::kLong), 4)).empty());
}

}  // namespace
}  // namespace concertina
