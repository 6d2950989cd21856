// Phone and speech recognition through CTC, as tasks.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "core/errors.h"
#include "eval/tasks.h"
#include "tests/eval/spoken_corpus.h"
#include "tests/eval/toy_corpus.h"

namespace concertina {
namespace {

using testing::score_named;

TaskOptions sequence_options(const std::string& task) {
  TaskOptions options;
  options.tasks = {task};
  options.pr_every = 1;
  options.trained = true;
  return options;
}

TEST(PhoneErrorRate, OfTonesIsLowAndOfShuffledLabelsHigh) {
  const testing::ToyCorpus corpus("per", 3, 10);
  const TaskOptions options = sequence_options("per");
  const auto right =
      score_tasks(corpus.manifest(), testing::frame_mfcc(20), options, Split::kTest, {});
  ASSERT_EQ(right.size(), 1u);
  EXPECT_EQ(right[0].metric, "per.per_wsum");
  EXPECT_LT(right[0].value, 25) << right[0].setting;
  EXPECT_LE(right[0].low, right[0].value);
  EXPECT_GE(right[0].high, right[0].value);
  EXPECT_EQ(right[0].totals.size(), 6u);
  Manifest shuffled = corpus.manifest();
  std::vector<Clip*> training;
  for (Clip& clip : shuffled.clips) {
    if (clip.split == Split::kTrain) training.push_back(&clip);
  }
  for (size_t i = 0; i + 1 < training.size(); ++i)
    std::swap(training[i]->phones, training[i + 1]->phones);
  const auto wrong = score_tasks(shuffled, testing::frame_mfcc(20), options, Split::kTest, {});
  EXPECT_GT(wrong[0].value, 60);
}

TEST(PhoneErrorRate, IsLeftOutUnlessProbesAreTrained) {
  const testing::ToyCorpus corpus("per-untrained", 2, 5);
  TaskOptions options = sequence_options("per");
  options.trained = false;
  const PreparedTasks prepared(corpus.manifest(), options, Split::kTest);
  ASSERT_EQ(prepared.left_out().size(), 1u);
  EXPECT_EQ(prepared.left_out()[0].second,
            "its probe is trained, which eval --trained and tasks.trained ask for");
}

class SpokenCharacters : public ::testing::Test {
 protected:
  SpokenCharacters() { corpus_.say_sentences({"abc", "deb", "fgh", "hca", "gad"}, 2, 12); }
  testing::SpokenCorpus corpus_{"asr"};
  TaskOptions options_ = sequence_options("asr");
};

TEST_F(SpokenCharacters, AreRecognised) {
  const auto scores =
      score_tasks(corpus_.manifest(), testing::frame_mfcc(20), options_, Split::kTest, {});
  ASSERT_EQ(scores.size(), 2u);
  EXPECT_LT(score_named(scores, "asr.cer_wsum"), 30) << scores[0].setting;
  EXPECT_LT(score_named(scores, "asr.wer_wsum"), 70);
  EXPECT_GE(score_named(scores, "asr.wer_wsum"), score_named(scores, "asr.cer_wsum"));
}

TEST_F(SpokenCharacters, OfShuffledTextsAreNot) {
  Manifest manifest = corpus_.manifest();
  Rng rng(4);
  std::vector<std::string> texts;
  for (const Clip& clip : manifest.clips) texts.push_back(clip.text);
  rng.shuffle(std::span(texts));
  for (size_t i = 0; i < texts.size(); ++i) manifest.clips[i].text = texts[i];
  const auto scores = score_tasks(manifest, testing::frame_mfcc(20), options_, Split::kTest, {});
  EXPECT_GT(score_named(scores, "asr.cer_wsum"), 60);
  EXPECT_GT(score_named(scores, "asr.wer_wsum"), 90);
}

TEST_F(SpokenCharacters, OfTheLanguageThatMostOfTrainSpeaks) {
  Manifest manifest = corpus_.manifest();
  int64_t tests = 0;
  for (Clip& clip : manifest.clips) {
    clip.language = clip.group.ends_with("0") ? "en" : "ru";
    if (clip.group == "train-1" && clip.text.size() > 3) clip.text.clear();
    if (clip.group == "test-0") clip.text = fmt::format("bad {}", clip.text);
    tests += clip.group == "test-0" ? 1 : 0;
  }
  const PreparedTasks prepared(manifest, options_, Split::kTest);
  ASSERT_EQ(prepared.names().size(), 1u);
  const auto scores = prepared.score(testing::frame_mfcc(20), Intervals::kNone, {});
  EXPECT_EQ(scores.at(0).totals.size(), static_cast<size_t>(tests));
}

TEST_F(SpokenCharacters, OfTextsThatTrainHasAreNotScored) {
  Manifest manifest = corpus_.manifest();
  std::set<std::string> training;
  for (const Clip& clip : manifest.clips) {
    if (clip.split == Split::kTrain) training.insert(clip.text);
  }
  std::vector<std::string> unseen;
  for (Clip& clip : manifest.clips) {
    if (clip.split != Split::kTest) continue;
    if (!training.contains(clip.text)) {
      unseen.push_back(clip.id);
    } else {
      clip.text = fmt::format("{}!", clip.text);  // the same words
    }
  }
  ASSERT_FALSE(unseen.empty());
  const PreparedTasks prepared(manifest, options_, Split::kTest);
  std::vector<std::string> scored = prepared.data().at(0).scored_ids;
  std::ranges::sort(scored);
  std::ranges::sort(unseen);
  EXPECT_EQ(scored, unseen);

  for (Clip& clip : manifest.clips) clip.text = "abc";
  const PreparedTasks none(manifest, options_, Split::kTest);
  ASSERT_EQ(none.left_out().size(), 1u);
  EXPECT_EQ(none.left_out()[0].second,
            "every text of split test is in train, too (columns 'text' and 'split')");
}

TEST_F(SpokenCharacters, WithoutTextsOrWithTheSameAudioThereIsNoScore) {
  Manifest manifest = corpus_.manifest();
  for (Clip& clip : manifest.clips) clip.hash = "0123456789abcdef";
  EXPECT_THROW(score_tasks(manifest, testing::frame_mfcc(20), options_, Split::kTest, {}),
               InputError);
  for (Clip& clip : manifest.clips) {
    if (clip.split == Split::kTest) clip.text = "...";
  }
  const PreparedTasks prepared(manifest, options_, Split::kTest);
  ASSERT_EQ(prepared.left_out().size(), 1u);
  EXPECT_EQ(prepared.left_out()[0].second,
            "no clip of split test has a text (columns 'text' and 'split')");
}

}  // namespace
}  // namespace concertina
