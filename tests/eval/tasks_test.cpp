#include "eval/tasks.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "core/errors.h"
#include "tests/eval/toy_corpus.h"
#include "tests/model/models.h"

namespace concertina {
namespace {

TaskOptions toy_options() {
  TaskOptions options;
  options.sid_min_clips = 5;
  options.pr_every = 1;
  options.asv_trials = 200;
  return options;
}

double value_of(const std::vector<TaskScore>& scores, const std::string& metric) {
  const auto found = std::ranges::find(scores, metric, &TaskScore::metric);
  return found == scores.end() ? -1 : found->value;
}

TEST(Tasks, MfccBaselineSolvesTheToyCorpus) {
  const testing::ToyCorpus corpus("tasks");
  const auto scores =
      score_tasks(corpus.manifest(), mfcc_baseline_features(), toy_options(), Split::kTest, {});
  EXPECT_GT(value_of(scores, "pr.frame_acc_lda"), 75);
  EXPECT_GT(value_of(scores, "pr.frame_acc"), 75);
  EXPECT_GT(value_of(scores, "sid.acc"), 60);
  EXPECT_GE(value_of(scores, "asv.eer"), 0);
  for (const TaskScore& score : scores) {
    EXPECT_LE(score.low, score.value + 1e-9) << score.metric;
    EXPECT_GE(score.high, score.value - 1e-9) << score.metric;
    EXPECT_FALSE(score.setting.empty());
  }
}

TEST(Tasks, EveryScoreIsAListedMetric) {
  const testing::ToyCorpus corpus("listed");
  for (const TaskScore& score :
       score_tasks(corpus.manifest(), mfcc_baseline_features(), toy_options(), Split::kDev, {})) {
    const Metric* metric = find_metric(score.metric);
    ASSERT_NE(metric, nullptr) << score.metric;
    EXPECT_EQ(metric->scored_on, ScoredOn::kClips) << score.metric;
  }
}

TEST(Tasks, NoClipIsEncodedTwiceAndOnlyTrainAndTheScoredSplitAre) {
  const testing::ToyCorpus corpus("once");
  size_t encoded = 0;
  const FeatureExtractor baseline = mfcc_baseline_features();
  const FeatureExtractor counting = [&](const std::vector<std::vector<float>>& clips) {
    encoded += clips.size();
    return baseline(clips);
  };
  for (const Split split : {Split::kDev, Split::kTest}) {
    encoded = 0;
    score_tasks(corpus.manifest(), counting, toy_options(), split, {});
    const auto used = std::ranges::count_if(corpus.manifest().clips, [&](const Clip& clip) {
      return clip.split == Split::kTrain || clip.split == split;
    });
    EXPECT_EQ(encoded, static_cast<size_t>(used));
  }
}

TEST(Tasks, TheScoredSplitChoosesNothing) {
  const testing::ToyCorpus corpus("chooses", 3, 15);
  Manifest shuffled = corpus.manifest();
  std::vector<Clip*> dev;
  for (Clip& clip : shuffled.clips) {
    if (clip.split == Split::kDev) dev.push_back(&clip);
  }
  for (size_t i = 0; i + 1 < dev.size(); ++i) {
    std::swap(dev[i]->phones, dev[i + 1]->phones);
    std::swap(dev[i]->speaker, dev[i + 1]->speaker);
  }
  const Supernet supernet = testing::perturbed(testing::small_space(testing::mel_blueprint()), 1);
  const auto features = subnet_features(supernet.slice(supernet.space().largest()));
  const auto right = score_tasks(corpus.manifest(), features, toy_options(), Split::kDev, {});
  const auto wrong = score_tasks(shuffled, features, toy_options(), Split::kDev, {});
  ASSERT_EQ(right.size(), wrong.size());
  for (size_t i = 0; i < right.size(); ++i) {
    EXPECT_EQ(right[i].setting, wrong[i].setting);
    EXPECT_NE(right[i].setting.find("of train"), std::string::npos) << right[i].setting;
  }
  EXPECT_NE(value_of(right, "pr.frame_acc"), value_of(wrong, "pr.frame_acc"));
  std::erase_if(shuffled.clips, [](const Clip& clip) { return clip.split == Split::kDev; });
  const auto without_dev = score_tasks(shuffled, features, toy_options(), Split::kTest, {});
  const auto with_dev = score_tasks(corpus.manifest(), features, toy_options(), Split::kTest, {});
  ASSERT_EQ(without_dev.size(), with_dev.size());
  for (size_t i = 0; i < with_dev.size(); ++i)
    EXPECT_EQ(without_dev[i].value, with_dev[i].value) << with_dev[i].metric;
}

TEST(Tasks, PreparedOnceTheyReadNothingAgainAndScoreTheSame) {
  const testing::ToyCorpus corpus("prepared");
  const auto alone =
      score_tasks(corpus.manifest(), mfcc_baseline_features(), toy_options(), Split::kDev, {});
  const PreparedTasks prepared(corpus.manifest(), toy_options(), Split::kDev);
  std::filesystem::remove_all(corpus.manifest().folder);
  for (int32_t pass = 0; pass < 2; ++pass) {
    const auto scores = prepared.score(mfcc_baseline_features(), Intervals::kBootstrap, {});
    ASSERT_EQ(scores.size(), alone.size());
    for (size_t i = 0; i < scores.size(); ++i) {
      EXPECT_EQ(scores[i].value, alone[i].value);
      EXPECT_EQ(scores[i].low, alone[i].low);
      EXPECT_EQ(scores[i].high, alone[i].high);
      EXPECT_EQ(scores[i].setting, alone[i].setting);
    }
  }
  const auto light = prepared.score(mfcc_baseline_features(), Intervals::kNone, {});
  for (size_t i = 0; i < light.size(); ++i) {
    EXPECT_EQ(light[i].value, alone[i].value);
    EXPECT_TRUE(std::isnan(light[i].low) && std::isnan(light[i].high));
  }
}

TEST(Tasks, WhatTheManifestLacksIsLeftOut) {
  const testing::ToyCorpus corpus("lacks");
  Manifest manifest = corpus.manifest();
  for (Clip& clip : manifest.clips) clip.phones.clear();
  const auto scores =
      score_tasks(manifest, mfcc_baseline_features(), toy_options(), Split::kTest, {});
  EXPECT_EQ(value_of(scores, "pr.frame_acc"), -1);
  EXPECT_GE(value_of(scores, "sid.acc"), 0);
  EXPECT_EQ(available_tasks(manifest, toy_options(), Split::kTest),
            (std::vector<std::string>{"sid", "asv"}));
  for (Clip& clip : manifest.clips) clip.speaker.clear();
  EXPECT_THROW(score_tasks(manifest, mfcc_baseline_features(), toy_options(), Split::kTest, {}),
               InputError);
  EXPECT_TRUE(available_tasks(manifest, toy_options(), Split::kTest).empty());
}

TEST(Tasks, AnUnknownTaskNamesTheNearest) {
  const testing::ToyCorpus corpus("unknown");
  TaskOptions options = toy_options();
  options.tasks = {"sidd"};
  try {
    score_tasks(corpus.manifest(), mfcc_baseline_features(), options, Split::kTest, {});
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("'sid'"), std::string::npos) << error.what();
  }
}

TEST(Features, SubnetLayersComeBackAtBaseFramesForEveryPeriod) {
  const Supernet supernet = testing::perturbed(testing::small_space(testing::mel_blueprint()), 1);
  std::vector<std::vector<float>> clips(2);
  Rng rng(3);
  for (size_t i = 0; i < clips.size(); ++i) {
    for (size_t n = 0; n < 16000 + 5000 * i; ++n)
      clips[i].push_back(static_cast<float>(0.1 * rng.normal()));
  }
  for (const Architecture& architecture :
       {supernet.space().smallest(), supernet.space().largest()}) {
    const auto features = subnet_features(supernet.slice(architecture))(clips);
    for (size_t i = 0; i < clips.size(); ++i) {
      const int64_t frames = supernet.blueprint().frames(static_cast<int64_t>(clips[i].size()));
      EXPECT_EQ(features[i].layers.sizes(),
                (std::vector<int64_t>{architecture.depth() + 1, frames, architecture.embed_dim()}));
      EXPECT_NEAR(features[i].centre_s, 280.0 / 16000, 1e-12);
    }
    const auto alone = subnet_features(supernet.slice(architecture))({clips[0]});
    EXPECT_LT(testing::max_difference(alone[0].layers, features[0].layers), 1e-4);
  }
}

TEST(Features, LayerRulesChooseWhatTheySay) {
  const testing::ToyCorpus corpus("rules");
  const Supernet supernet = testing::perturbed(testing::small_space(testing::mel_blueprint()), 1);
  TaskOptions options = toy_options();
  options.tasks = {"pr"};
  const std::map<LayerRule, std::string> names = {{LayerRule::kLast, "last layer"},
                                                  {LayerRule::kAll, "mean of layers"},
                                                  {LayerRule::kBest, "layer "}};
  for (const auto& [rule, name] : names) {
    options.layers = rule;
    const auto features = subnet_features(supernet.slice(supernet.space().largest()));
    const auto scores = score_tasks(corpus.manifest(), features, options, Split::kTest, {});
    EXPECT_TRUE(scores[0].setting.starts_with(name)) << scores[0].setting;
  }
}

}  // namespace
}  // namespace concertina
