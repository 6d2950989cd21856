#include "eval/tasks.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <vector>

#include "core/errors.h"
#include "tests/eval/toy_corpus.h"
#include "tests/model/models.h"

namespace concertina {
namespace {

using testing::score_named;
using testing::toy_options;

TEST(Tasks, MfccBaselineSolvesTheToyCorpus) {
  const testing::ToyCorpus corpus("tasks");
  const auto scores =
      score_tasks(corpus.manifest(), mfcc_baseline_features(), toy_options(), Split::kTest, {});
  EXPECT_GT(score_named(scores, "pr.frame_acc_lda"), 75);
  EXPECT_GT(score_named(scores, "pr.frame_acc"), 75);
  EXPECT_GT(score_named(scores, "sid.acc"), 60);
  EXPECT_GE(score_named(scores, "asv.eer"), 0);
  for (const TaskScore& score : scores) {
    EXPECT_LE(score.low, score.value + 1e-9) << score.metric;
    EXPECT_GE(score.high, score.value - 1e-9) << score.metric;
    EXPECT_FALSE(score.setting.empty());
  }
}

TEST(Tasks, SayWhatTheyWereMeasuredOn) {
  const testing::ToyCorpus corpus("measured");
  const PreparedTasks prepared(corpus.manifest(), toy_options(), Split::kTest);
  const auto scores = prepared.score(mfcc_baseline_features(), Intervals::kNone, {});
  ASSERT_EQ(prepared.data().size(), 3u);
  const TaskData& phones = prepared.data()[0];
  EXPECT_EQ(phones.task, "pr");
  EXPECT_EQ(phones.content, "4 phones");
  EXPECT_EQ(prepared.data()[1].content, "3 speakers");
  EXPECT_TRUE(prepared.data()[2].content.starts_with("3 speakers, ")) << prepared.data()[2].content;
  double seconds = 0;
  int64_t training = 0;
  std::set<std::string> test;
  for (const Clip& clip : corpus.manifest().clips) {
    training += clip.split == Split::kTrain ? 1 : 0;
    if (clip.split != Split::kTest) continue;
    seconds += static_cast<double>(clip.samples) / 16000;
    test.insert(clip.id);
  }
  EXPECT_EQ(phones.training_clips, training);
  EXPECT_EQ(phones.scored_clips, std::ssize(test));
  EXPECT_NEAR(phones.scored_seconds, seconds, 1e-9);
  EXPECT_EQ(std::set<std::string>(phones.scored_ids.begin(), phones.scored_ids.end()), test);
  EXPECT_EQ(scores.front().hits.size(), phones.scored_ids.size());
  const auto eer = std::ranges::find(scores, "asv.eer", &TaskScore::metric);
  EXPECT_EQ(100 * equal_error_rate(eer->trials), eer->value);
  EXPECT_EQ(eer->trial_clips, prepared.data()[2].scored_clips);
}

TEST(Tasks, EachLayerHasTheScoreThatItIsChosenBy) {
  const testing::ToyCorpus corpus("layers");
  const Supernet supernet = testing::perturbed(testing::small_space(testing::mel_blueprint()), 1);
  const auto scores =
      score_tasks(corpus.manifest(), subnet_features(supernet.slice(supernet.space().largest())),
                  toy_options(), Split::kTest, {});
  for (const TaskScore& score : scores) {
    const bool chooses = !score.metric.starts_with("asv.min_dcf") &&
                         score.metric.find("nonpause") == std::string::npos;
    ASSERT_EQ(score.layers.size(), chooses ? 5u : 0u) << score.metric;
    if (!chooses) continue;
    const bool lower = find_metric(score.metric)->direction == Direction::kMinimise;
    const auto best =
        lower ? std::ranges::min_element(score.layers) : std::ranges::max_element(score.layers);
    const std::string layer = fmt::format("layer {},", best - score.layers.begin());
    EXPECT_TRUE(score.setting.starts_with(layer)) << score.metric << ": " << score.setting;
  }
}

TEST(Tasks, ProbesOnProjectionsComeBesideThePlainOnesAndChangeNothing) {
  const testing::ToyCorpus corpus("matched");
  TaskOptions options = toy_options();
  const auto plain =
      score_tasks(corpus.manifest(), mfcc_baseline_features(), options, Split::kTest, {});
  options.probe_width = 32;
  const auto both =
      score_tasks(corpus.manifest(), mfcc_baseline_features(), options, Split::kTest, {});
  EXPECT_EQ(both.size(), plain.size() + 4);
  for (const TaskScore& score : plain) EXPECT_EQ(score_named(both, score.metric), score.value);
  for (const char* metric : {"pr.frame_acc_matched", "pr.frame_acc_lda_matched", "sid.acc_matched",
                             "sid.acc_ridge_matched"}) {
    EXPECT_GT(score_named(both, metric), 50) << metric;
    ASSERT_NE(find_metric(metric), nullptr) << metric;
  }
}

// Speakers of the toy corpus differ in pitch: PLDA learns the direction, with more of them.
TEST(Tasks, PldaComparesTheSameTrialsAsTheCosine) {
  const testing::ToyCorpus corpus("plda", 6, 15);
  TaskOptions options = toy_options();
  options.tasks = {"asv"};
  const auto scores =
      score_tasks(corpus.manifest(), mfcc_baseline_features(), options, Split::kTest, {});
  ASSERT_EQ(scores.size(), 4u);
  const TaskScore &cosine = scores[0], &plda = scores[2];
  EXPECT_EQ(plda.metric, "asv.eer_plda");
  EXPECT_EQ(scores[3].metric, "asv.min_dcf_plda");
  EXPECT_LT(plda.value, 45);
  EXPECT_TRUE(plda.setting.ends_with("chosen on 3 folds of train's speakers")) << plda.setting;
  ASSERT_EQ(plda.trials.size(), cosine.trials.size());
  for (size_t i = 0; i < plda.trials.size(); ++i) {
    EXPECT_EQ(plda.trials[i].first, cosine.trials[i].first);
    EXPECT_EQ(plda.trials[i].target, cosine.trials[i].target);
  }
  EXPECT_EQ(plda.layers.size(), 1u);
}

TEST(Tasks, AreTheSameOnOneAndTwoThreads) {
  const testing::ToyCorpus corpus("threads");
  const Supernet supernet = testing::perturbed(testing::small_space(testing::mel_blueprint()), 1);
  const auto features = subnet_features(supernet.slice(supernet.space().largest()));
  TaskOptions options = toy_options();
  options.trained = true;
  const int before = at::get_num_threads();
  std::vector<std::vector<TaskScore>> scores;
  for (const int threads : {1, 2}) {
    at::set_num_threads(threads);
    scores.push_back(score_tasks(corpus.manifest(), features, options, Split::kTest, {}));
  }
  at::set_num_threads(before);
  ASSERT_EQ(scores[0].size(), scores[1].size());
  for (size_t i = 0; i < scores[0].size(); ++i) {
    EXPECT_EQ(scores[0][i].value, scores[1][i].value) << scores[0][i].metric;
    EXPECT_EQ(scores[0][i].low, scores[1][i].low) << scores[0][i].metric;
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
  EXPECT_NE(score_named(right, "pr.frame_acc"), score_named(wrong, "pr.frame_acc"));
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
  EXPECT_EQ(score_named(scores, "pr.frame_acc"), -1);
  EXPECT_GE(score_named(scores, "sid.acc"), 0);
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

}  // namespace
}  // namespace concertina
