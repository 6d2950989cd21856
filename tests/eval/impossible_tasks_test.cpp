// What a manifest makes impossible is left out and said with the column, never scored.
#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>

#include "core/errors.h"
#include "eval/tasks.h"
#include "tests/eval/toy_corpus.h"

namespace concertina {
namespace {

class ImpossibleTasks : public ::testing::Test {
 protected:
  std::string why(const std::string& task, const std::function<void(Clip&)>& change,
                  int32_t min_clips = 5) const {
    Manifest manifest = corpus_.manifest();
    for (Clip& clip : manifest.clips) change(clip);
    TaskOptions options;
    options.tasks = {task};
    options.pr_every = 1;
    options.sid_min_clips = min_clips;
    const PreparedTasks prepared(manifest, options, Split::kTest);
    if (!prepared.names().empty()) return "it is scored";
    EXPECT_THROW(score_tasks(manifest, mfcc_baseline_features(), options, Split::kTest, {}),
                 InputError);
    return prepared.left_out().at(0).second;
  }

  void write_labels(const std::string& name, const std::string& text) const {
    std::ofstream(corpus_.manifest().folder / name) << text;
  }

  testing::ToyCorpus corpus_{"impossible"};
};

void nothing(Clip&) {}

TEST_F(ImpossibleTasks, WhatIsPossibleIsScored) {
  for (const char* task : {"pr", "sid", "asv"}) EXPECT_EQ(why(task, nothing), "it is scored");
}

TEST_F(ImpossibleTasks, PhoneRecognition) {
  write_labels("one.lab", "#\n9.0 125 a\n");
  write_labels("other.lab", "#\n9.0 125 b\n");
  write_labels("third.lab", "#\n9.0 125 c\n");
  write_labels("empty.lab", "#\n");
  EXPECT_EQ(why("pr", [](Clip& clip) { clip.phones.clear(); }),
            "no clip of split train has phone labels (columns 'phones' and 'split')");
  EXPECT_EQ(why("pr", [](Clip& clip) { clip.phones = "empty.lab"; }),
            "no clip of split train has phone labels (columns 'phones' and 'split')");
  EXPECT_EQ(why("pr",
                [](Clip& clip) {
                  if (clip.split == Split::kTest) clip.split = Split::kDev;
                }),
            "no clip of split test has phone labels (columns 'phones' and 'split')");
  EXPECT_EQ(why("pr",
                [](Clip& clip) {
                  if (clip.split == Split::kTest) clip.samples = 100;
                }),
            "no clip of split test has phone labels (columns 'phones' and 'split')");
  EXPECT_EQ(why("pr", [](Clip& clip) { clip.phones = "one.lab"; }),
            "all labels of split train are 'a' (column 'phones')");
  int32_t training = 0;
  EXPECT_EQ(why("pr",
                [&](Clip& clip) {
                  if (clip.split == Split::kTrain)
                    clip.phones = training++ % 2 == 0 ? "one.lab" : "other.lab";
                  else
                    clip.phones = "third.lab";
                }),
            "no phone of split test is in split train (column 'phones')");
  training = 0;
  EXPECT_NE(why("pr",
                [&](Clip& clip) {
                  if (clip.split == Split::kTrain && training++ > 0) clip.phones.clear();
                })
                .find("one clip with phone labels"),
            std::string::npos);
}

TEST_F(ImpossibleTasks, Speakers) {
  for (const char* task : {"sid", "asv"}) {
    EXPECT_EQ(why(task, [](Clip& clip) { clip.speaker.clear(); }),
              "no clip names its speaker (column 'speaker')");
    EXPECT_NE(why(task, [](Clip& clip) { clip.group.clear(); }).find("column 'group'"),
              std::string::npos);
    EXPECT_NE(why(task, nothing, 40).find("two speakers of at least 40 clips"), std::string::npos);
    EXPECT_NE(why(task, [](Clip& clip) { clip.group = "one"; }).find("'group'"), std::string::npos);
    EXPECT_NE(why(task,
                  [](Clip& clip) {
                    if (clip.split == Split::kTest) clip.split = Split::kDev;
                  })
                  .find("split test"),
              std::string::npos);
  }
}

TEST_F(ImpossibleTasks, SpeakerIdentificationNeedsItsSpeakersInTrain) {
  EXPECT_EQ(why("sid",
                [](Clip& clip) {
                  clip.split = clip.speaker == "speaker2" ? Split::kTest : Split::kTrain;
                }),
            "no speaker of split test has a clip in split train, where speakers are learnt "
            "(columns 'speaker' and 'split')");
  EXPECT_EQ(why("sid",
                [](Clip& clip) {
                  if (clip.speaker != "speaker0") clip.split = Split::kTest;
                }),
            "'speaker0' is the only speaker in split train (columns 'speaker' and 'split')");
}

TEST_F(ImpossibleTasks, VerificationNeedsBothKindsOfTrials) {
  EXPECT_NE(why("asv",
                [](Clip& clip) {
                  if (clip.split == Split::kTest) clip.group = "one";
                })
                .find("no speaker has clips of two groups in split test"),
            std::string::npos);
  EXPECT_NE(why("asv",
                [](Clip& clip) {
                  if (clip.split == Split::kTrain && clip.speaker != "speaker0")
                    clip.split = Split::kDev;
                })
                .find("split train has no two speakers"),
            std::string::npos);
  EXPECT_NE(why("asv", [](Clip& clip) { clip.samples = std::min<int64_t>(clip.samples, 20000); })
                .find("1.5 s"),
            std::string::npos);
}

TEST_F(ImpossibleTasks, TestSpeakersThatTrainLacksDoNotCount) {
  Manifest manifest = corpus_.manifest();
  TaskOptions options;
  options.tasks = {"sid"};
  options.sid_min_clips = 5;
  for (Clip& clip : manifest.clips) {
    if (clip.speaker == "speaker2" && clip.split == Split::kTrain) clip.split = Split::kTest;
  }
  size_t encoded = 0;
  const FeatureExtractor baseline = mfcc_baseline_features();
  const auto scores = score_tasks(manifest,
                                  [&](const std::vector<std::vector<float>>& clips) {
                                    encoded += clips.size();
                                    return baseline(clips);
                                  },
                                  options, Split::kTest, {});
  EXPECT_EQ(encoded, 16u);  // of two speakers: 12 clips in train, 4 in test
  EXPECT_GT(scores.at(0).value, 50);
}

}  // namespace
}  // namespace concertina
