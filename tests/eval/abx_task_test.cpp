// ABX as a task: on the toy corpus, with random labels, and where labels or speakers are missing.
#include <gtest/gtest.h>
#include <unistd.h>

#include <ATen/Parallel.h>

#include <cmath>

#include "core/errors.h"
#include "eval/tasks.h"
#include "tests/eval/toy_corpus.h"

namespace concertina {
namespace {

TaskOptions abx_options(const std::string& task) {
  TaskOptions options;
  options.tasks = {task};
  options.pr_every = 1;
  options.abx_triples = 400;
  return options;
}

TaskScore abx_score(const Manifest& manifest, const TaskOptions& options,
                    const FeatureExtractor& features = mfcc_baseline_features()) {
  return score_tasks(manifest, features, options, Split::kTest, {}).at(0);
}

// Frames of the first "layer" are noise.
std::vector<ClipFeatures> signal_and_noise(const std::vector<std::vector<float>>& clips) {
  std::vector<ClipFeatures> all = mfcc_baseline_features()(clips);
  for (ClipFeatures& clip : all) {
    at::Generator draws = at::make_generator<at::CPUGeneratorImpl>(clip.layers.size(1));
    const at::Tensor noise = at::empty(clip.layers.sizes()).normal_(0, 1, draws);
    clip.layers = at::cat({noise, clip.layers});
  }
  return all;
}

TEST(AbxTask, TonesAreToldApartWithinAndAcrossSpeakers) {
  const testing::ToyCorpus corpus("abx", 3, 10);
  for (const char* task : {"abx", "abx_across"}) {
    const TaskScore score = abx_score(corpus.manifest(), abx_options(task));
    EXPECT_EQ(score.metric, std::string(task) + ".error");
    EXPECT_LT(score.value, 5) << task;
    EXPECT_LE(score.low, score.value);
    EXPECT_GE(score.high, score.value);
  }
}

TEST(AbxTask, TheLayerIsChosenOnTrain) {
  const testing::ToyCorpus corpus("abx-layer", 3, 10);
  TaskOptions options = abx_options("abx");
  const TaskScore best = abx_score(corpus.manifest(), options, signal_and_noise);
  EXPECT_TRUE(best.setting.starts_with("layer 1, chosen on ")) << best.setting;
  EXPECT_EQ(best.value, abx_score(corpus.manifest(), options).value);
  Manifest shuffled = corpus.manifest();
  std::vector<Clip*> scored;
  for (Clip& clip : shuffled.clips) {
    if (clip.split == Split::kTest) scored.push_back(&clip);
  }
  for (size_t i = 0; i + 1 < scored.size(); ++i)
    std::swap(scored[i]->phones, scored[i + 1]->phones);
  const TaskScore wrong = abx_score(shuffled, options, signal_and_noise);
  EXPECT_TRUE(wrong.setting.starts_with("layer 1, chosen on ")) << wrong.setting;
  EXPECT_GT(wrong.value, best.value + 20);
}

TEST(AbxTask, ShuffledLabelsScoreAtChance) {
  constexpr int kDraws = 20;
  const testing::ToyCorpus corpus("abx-shuffled", 3, 10);
  const FeatureExtractor features = testing::remembered(mfcc_baseline_features());
  for (const char* task : {"abx", "abx_across"}) {
    double sum = 0, squares = 0;
    for (int draw = 0; draw < kDraws; ++draw) {
      Manifest manifest = corpus.manifest();
      Rng rng = Rng(9).fork("labels", static_cast<uint64_t>(draw));
      for (Clip& clip : manifest.clips) {
        clip.phones = clip.id + ".random.lab";
        std::ofstream labels(manifest.folder / clip.phones);
        for (int k = 1; k <= 8; ++k)
          labels << fmt::format("{:.1f} 125 p{}\n", 0.2 * k, rng.below(2));
      }
      const double value = abx_score(manifest, abx_options(task), features).value;
      sum += value;
      squares += value * value;
    }
    const double mean = sum / kDraws;
    const double deviation = std::sqrt((squares / kDraws - mean * mean) / kDraws);
    EXPECT_NEAR(mean, 50, 3.3 * deviation) << task;
    EXPECT_LT(deviation, 3) << task;
  }
}

TEST(AbxTask, IsTheSameOnOneAndTwoThreads) {
  const testing::ToyCorpus corpus("abx-threads", 3, 10);
  TaskOptions options = abx_options("abx_across");
  options.abx_triples = 50;
  const int before = at::get_num_threads();
  std::vector<double> values;
  for (const int threads : {1, 2}) {
    at::set_num_threads(threads);
    values.push_back(abx_score(corpus.manifest(), options, signal_and_noise).value);
  }
  at::set_num_threads(before);
  EXPECT_EQ(values[0], values[1]);
}

TEST(AbxTask, WhatIsMissingIsSaid) {
  const testing::ToyCorpus corpus("abx-missing", 1, 40);
  const auto why = [&](const std::string& task, const Manifest& manifest) {
    const PreparedTasks prepared(manifest, abx_options(task), Split::kTest);
    return prepared.left_out().empty() ? "it is scored" : prepared.left_out().at(0).second;
  };
  EXPECT_EQ(why("abx", corpus.manifest()), "it is scored");
  EXPECT_EQ(why("abx_across", corpus.manifest()),
            "split train has no phone that occurs twice between the same neighbours, and another "
            "between them, of one speaker and of a second one (columns 'phones', 'speaker' and "
            "'split')");
  Manifest manifest = corpus.manifest();
  for (Clip& clip : manifest.clips) clip.phones.clear();
  EXPECT_EQ(why("abx", manifest),
            "no clip of split train has phone labels (columns 'phones' and 'split')");
}

TEST(AbxTask, TheSameAudioInTrainAndTestIsAnError) {
  const testing::ToyCorpus corpus("abx-leak", 3, 10);
  Manifest manifest = corpus.manifest();
  for (Clip& clip : manifest.clips) clip.hash = "0123456789abcdef";
  EXPECT_THROW(abx_score(manifest, abx_options("abx")), InputError);
}

}  // namespace
}  // namespace concertina
