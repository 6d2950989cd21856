// Language identification, tone, intent and emotion classification: columns of a manifest as classes.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "core/errors.h"
#include "eval/tasks.h"
#include "tests/eval/toy_corpus.h"

namespace concertina {
namespace {

class ColumnTasks : public ::testing::Test {
 protected:
  ColumnTasks() { options_.speaker_disjoint.clear(); }

  Manifest with(const std::function<void(Clip&)>& change) const {
    Manifest manifest = corpus_.manifest();
    for (Clip& clip : manifest.clips) change(clip);
    return manifest;
  }
  std::vector<TaskScore> scores(const std::string& task, const Manifest& manifest,
                                const FeatureExtractor& features = mfcc_baseline_features()) {
    options_.tasks = {task};
    return score_tasks(manifest, features, options_, Split::kTest, {});
  }
  std::string why(const std::string& task, const Manifest& manifest) {
    options_.tasks = {task};
    const PreparedTasks prepared(manifest, options_, Split::kTest);
    return prepared.left_out().empty() ? "it is scored" : prepared.left_out().at(0).second;
  }

  testing::ToyCorpus corpus_{"columns", 4, 10};
  TaskOptions options_;
};

TEST_F(ColumnTasks, IntentsAreClassifiedAsKeywordsAre) {
  const Manifest manifest = with([](Clip& clip) { clip.keyword = clip.intent = clip.speaker; });
  options_.trained = true;
  const auto intents = scores("ic", manifest), keywords = scores("ks", manifest);
  ASSERT_EQ(intents.size(), 3u);
  for (size_t i = 0; i < intents.size(); ++i) EXPECT_EQ(intents[i].value, keywords[i].value);
  EXPECT_EQ(intents[0].metric, "ic.acc");
  EXPECT_EQ(intents[1].metric, "ic.acc_ridge");
  EXPECT_EQ(intents[2].metric, "ic.acc_wsum");
  EXPECT_GT(intents[0].value, 60);
}

TEST_F(ColumnTasks, EmotionsAndTonesAreClassifiedAsIntentsAre) {
  const Manifest manifest =
      with([](Clip& clip) { clip.emotion = clip.tone = clip.intent = clip.speaker; });
  const auto intents = scores("ic", manifest);
  for (const std::string task : {"er", "tone"}) {
    const auto others = scores(task, manifest);
    ASSERT_EQ(others.size(), 2u);
    for (size_t i = 0; i < others.size(); ++i) EXPECT_EQ(others[i].value, intents[i].value);
    EXPECT_EQ(others[0].metric, task + ".acc");
    EXPECT_EQ(others[1].metric, task + ".acc_ridge");
  }
}

TEST_F(ColumnTasks, ShuffledIntentsScoreAtChance) {
  constexpr int kDraws = 30, kIntents = 4;
  double sum = 0, squares = 0;
  for (int draw = 0; draw < kDraws; ++draw) {
    Rng rng = Rng(5).fork("intents", static_cast<uint64_t>(draw));
    const Manifest manifest =
        with([&](Clip& clip) { clip.intent = fmt::format("intent{}", rng.below(kIntents)); });
    const double accuracy = scores("ic", manifest, testing::frame_mfcc(4)).at(0).value;
    sum += accuracy;
    squares += accuracy * accuracy;
  }
  const double mean = sum / kDraws;
  const double deviation = std::sqrt((squares / kDraws - mean * mean) / kDraws);
  EXPECT_NEAR(mean, 100.0 / kIntents, 3.3 * deviation);
  EXPECT_LT(deviation, 6);
}

TEST_F(ColumnTasks, AreTheSameOnOneAndTwoThreads) {
  const Manifest manifest = with([](Clip& clip) { clip.intent = clip.speaker; });
  const int before = at::get_num_threads();
  std::vector<double> values;
  for (const int threads : {1, 2}) {
    at::set_num_threads(threads);
    values.push_back(scores("ic", manifest, testing::frame_mfcc(4)).at(0).value);
  }
  at::set_num_threads(before);
  EXPECT_EQ(values[0], values[1]);
}

TEST_F(ColumnTasks, MissingLabelsAreSaidWithTheirColumn) {
  EXPECT_EQ(why("ic", corpus_.manifest()), "no clip has an intent (column 'intent')");
  EXPECT_EQ(why("ic", with([](Clip& clip) { clip.intent = "go"; })),
            "it needs two intents with at least 1 clip in split train, and there is one (columns "
            "'intent' and 'split')");
  EXPECT_EQ(why("er", corpus_.manifest()), "no clip has an emotion (column 'emotion')");
  EXPECT_EQ(why("tone", corpus_.manifest()), "no clip has a tone (column 'tone')");
  EXPECT_EQ(why("lid", with([](Clip& clip) { clip.language.clear(); })),
            "no clip has a language (column 'language')");
}

TEST_F(ColumnTasks, ASourceThatGivesTheLanguageAwayDoesNotCount) {
  const auto language = [](const Clip& clip) { return clip.speaker == "speaker0" ? "en" : "ru"; };
  const auto own_source = [&](Clip& clip) {
    clip.language = language(clip);
    clip.source = clip.language;
  };
  EXPECT_EQ(why("lid", with(own_source)),
            "every source of the scored split is in train with the same one language, so that the "
            "recordings tell languages apart (columns 'language', 'source' and 'split')");
  EXPECT_EQ(why("lid", with([&](Clip& clip) { clip.language = language(clip); })), "it is scored")
      << "one source has both";
  const Manifest other = with([&](Clip& clip) {
    own_source(clip);
    if (clip.split == Split::kTest) clip.source += " elsewhere";
  });
  EXPECT_GT(scores("lid", other).at(0).value, 80);
}

TEST_F(ColumnTasks, TheSameAudioInTrainAndTestIsAnError) {
  const Manifest manifest = with([](Clip& clip) {
    clip.intent = clip.speaker;
    clip.hash = "0123456789abcdef";
  });
  EXPECT_THROW(scores("ic", manifest), InputError);
}

}  // namespace
}  // namespace concertina
