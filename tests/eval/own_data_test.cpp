// Keyword spotting, and tasks with clips of their own.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>

#include "core/errors.h"
#include "eval/tasks.h"
#include "tests/eval/toy_corpus.h"

namespace concertina {
namespace {

using testing::score_named;

class OwnData : public ::testing::Test {
 protected:
  OwnData() {
    options_.sid_min_clips = 5;
    options_.asv_trials = 200;
    options_.speaker_disjoint.clear();
    options_.ks_min_clips = 1;
  }

  std::vector<TaskScore> scores(const std::vector<std::string>& tasks, const Manifest& manifest) {
    options_.tasks = tasks;
    return score_tasks(manifest, mfcc_baseline_features(), options_, Split::kTest, {});
  }
  std::vector<TaskScore> scores(const std::vector<std::string>& tasks) {
    return scores(tasks, corpus_.manifest());
  }

  // A list of the corpus's clips with a column `split`, "" leaves the clip out.
  template <class SplitOf>
  void give_list(const std::string& task, const SplitOf& split_of) {
    options_.data[task] = corpus_.manifest().folder / (task + ".tsv");
    std::ofstream list(options_.data[task]);
    list << "id\tsplit\n";
    for (const Clip& clip : corpus_.manifest().clips) {
      if (const std::string split = split_of(clip); !split.empty())
        list << clip.id << "\t" << split << "\n";
    }
  }

  testing::ToyCorpus corpus_{"own-data", 4, 10};
  TaskOptions options_;
};

std::string by_dialogue(const Clip& clip) {
  const int dialogue = clip.id.back() - '0';
  return dialogue < 6 ? "train" : dialogue < 8 ? "dev" : "test";
}

Manifest with_keywords(Manifest manifest) {  // what differs between them is the pitch
  for (Clip& clip : manifest.clips) clip.keyword = "word " + clip.speaker;
  return manifest;
}

TEST_F(OwnData, KeywordsAreClassifiedAsSpeakersAre) {
  const auto keywords = scores({"ks"}, with_keywords(corpus_.manifest()));
  const auto speakers = scores({"sid"});
  EXPECT_GT(score_named(keywords, "ks.acc"), 60);
  EXPECT_EQ(score_named(keywords, "ks.acc"), score_named(speakers, "sid.acc"));
  EXPECT_EQ(score_named(keywords, "ks.acc_ridge"), score_named(speakers, "sid.acc_ridge"));
}

// Mean, root mean square and difference of neighbours in each 25 ms, as two "layers".
std::vector<ClipFeatures> plain_features(const std::vector<std::vector<float>>& clips) {
  std::vector<ClipFeatures> all;
  for (const std::vector<float>& clip : clips) {
    const at::Tensor frames =
        at::tensor(clip).slice(0, 0, static_cast<int64_t>(clip.size()) / 400 * 400).view({-1, 400});
    const at::Tensor first = at::stack(
        {frames.mean(1), frames.square().mean(1).sqrt(), frames.diff(1, 1).square().mean(1).sqrt()},
        1);
    all.push_back({at::stack({first, first.square()})});
  }
  return all;
}

TEST_F(OwnData, ShuffledKeywordsScoreAtChance) {
  constexpr int kDraws = 40, kWords = 4;
  options_.tasks = {"ks"};
  double sum = 0, squares = 0;
  for (int draw = 0; draw < kDraws; ++draw) {
    Manifest manifest = corpus_.manifest();
    Rng rng = Rng(5).fork("keywords", static_cast<uint64_t>(draw));
    for (Clip& clip : manifest.clips) clip.keyword = fmt::format("word{}", rng.below(kWords));
    const auto found = score_tasks(manifest, plain_features, options_, Split::kTest, {});
    const double accuracy = score_named(found, "ks.acc");
    sum += accuracy;
    squares += accuracy * accuracy;
  }
  const double mean = sum / kDraws;
  const double deviation = std::sqrt((squares / kDraws - mean * mean) / kDraws);
  EXPECT_NEAR(mean, 100.0 / kWords, 3.3 * deviation);  // 99.9 %
  EXPECT_LT(deviation, 5);
}

TEST_F(OwnData, WithoutKeywordsOrWithFewClipsOfEachKsIsLeftOut) {
  options_.tasks = {"ks"};
  const auto why = [&](const Manifest& manifest) {
    const PreparedTasks prepared(manifest, options_, Split::kTest);
    return prepared.left_out().empty() ? "it is scored" : prepared.left_out().at(0).second;
  };
  EXPECT_EQ(why(corpus_.manifest()), "no clip has a keyword (column 'keyword')");
  const Manifest manifest = with_keywords(corpus_.manifest());
  EXPECT_EQ(why(manifest), "it is scored");
  options_.ks_min_clips = 7;
  EXPECT_EQ(why(manifest),
            "it needs two keywords with at least 7 clips in split train, and there is none "
            "(columns 'keyword' and 'split', option ks_min_clips)");
  options_.ks_min_clips = 3;
  Manifest other = manifest;
  for (Clip& clip : other.clips) {
    if (clip.split == Split::kTest) clip.keyword = "unheard";
  }
  EXPECT_EQ(why(other), "none of the 4 keywords has a clip in split test (column 'split')");
}

TEST_F(OwnData, AListDividesTheCorpusForOneTaskAlone) {
  const auto before = scores({"sid", "asv"});
  give_list("sid", [](const Clip& clip) { return by_dialogue(clip); });
  const auto after = scores({"sid", "asv"});
  EXPECT_NE(score_named(before, "sid.acc_ridge"), -1);
  EXPECT_EQ(score_named(after, "asv.eer"), score_named(before, "asv.eer"));
  Manifest divided = corpus_.manifest();
  for (Clip& clip : divided.clips) {
    const std::string split = by_dialogue(clip);
    clip.split = split == "train" ? Split::kTrain : split == "dev" ? Split::kDev : Split::kTest;
  }
  options_.data.clear();
  const auto same = scores({"sid"}, divided);
  for (const char* metric : {"sid.acc", "sid.acc_ridge"})
    EXPECT_EQ(score_named(after, metric), score_named(same, metric)) << metric;
}

// What one task trains on and another scores is encoded in both passes, other clips once.
TEST_F(OwnData, EveryTaskIsTrainedBeforeItIsScored) {
  const auto alone = scores({"pr"});
  give_list("sid", [](const Clip& clip) {
    return clip.split == Split::kTest ? "train" : clip.split == Split::kTrain ? "test" : "";
  });
  size_t encoded = 0;
  options_.tasks = {"pr", "sid"};
  const FeatureExtractor baseline = mfcc_baseline_features();
  const auto both = score_tasks(corpus_.manifest(),
                                [&](const std::vector<std::vector<float>>& clips) {
                                  encoded += clips.size();
                                  return baseline(clips);
                                },
                                options_, Split::kTest, {});
  EXPECT_EQ(score_named(both, "pr.frame_acc"), score_named(alone, "pr.frame_acc"));
  EXPECT_GT(score_named(both, "sid.acc"), 25);
  const auto pr_train = 24u / 2, sid_only = 24u / 2, test = 8u;  // pr_every is 2
  EXPECT_EQ(encoded, (pr_train + test) + (pr_train + sid_only + test));
}

TEST_F(OwnData, VerificationOfHeldOutSpeakers) {
  give_list("asv", [](const Clip& clip) {
    return clip.speaker == "speaker0" || clip.speaker == "speaker1" ? "train" : "test";
  });
  options_.speaker_disjoint = {"asv"};
  const auto held_out = scores({"asv"});
  EXPECT_GE(score_named(held_out, "asv.eer"), 0);
  EXPECT_LE(score_named(held_out, "asv.eer"), 50);
  EXPECT_GE(score_named(held_out, "asv.min_dcf"), 0);
  EXPECT_LE(score_named(held_out, "asv.min_dcf"), 1);
}

TEST_F(OwnData, AManifestOfItsOwnBringsItsOwnAudio) {
  const auto alone = scores({"pr"});
  const testing::ToyCorpus other("own-data-other", 3, 10);
  Manifest manifest = with_keywords(other.manifest());
  write_manifest(manifest, manifest.folder / "manifest.tsv");
  const double there = score_named(scores({"ks"}, manifest), "ks.acc");
  options_.data["ks"] = manifest.folder / "manifest.tsv";
  const auto both = scores({"pr", "ks"});
  EXPECT_EQ(score_named(both, "ks.acc"), there);
  EXPECT_EQ(score_named(both, "pr.frame_acc"), score_named(alone, "pr.frame_acc"));
}

TEST_F(OwnData, TheSameAudioInTrainAndTestIsAnError) {
  Manifest manifest = with_keywords(corpus_.manifest());
  const auto find = [&](Split split) {
    return std::ranges::find(manifest.clips, split, &Clip::split);
  };
  find(Split::kTrain)->hash = find(Split::kTest)->hash = "0123456789abcdef";
  try {
    scores({"ks"}, manifest);
    FAIL() << "no error";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("task ks: 1 recording of split test is in train too"),
              std::string::npos)
        << error.what();
  }
}

TEST_F(OwnData, AListThatIsWrongIsAnError) {
  options_.data["sid"] = corpus_.manifest().folder / "wrong.tsv";
  std::ofstream(options_.data["sid"]) << "id\tsplit\nnobody\ttrain\n";
  try {
    scores({"sid"});
    FAIL() << "no error";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("wrong.tsv:2: column 'id'"), std::string::npos)
        << error.what();
  }
}

// 0.1 of 6 training clips of a speaker are the least, 3.
TEST_F(OwnData, FidelityEncodesFewerClips) {
  options_.tasks = {"sid"};
  size_t encoded = 0;
  const FeatureExtractor baseline = mfcc_baseline_features();
  const FeatureExtractor counting = [&](const std::vector<std::vector<float>>& clips) {
    encoded += clips.size();
    return baseline(clips);
  };
  for (const auto& [fidelity, clips] : {std::pair(1.0, 24u + 8u), {0.1, 12u + 8u}}) {
    encoded = 0;
    options_.fidelity = fidelity;
    const auto found = score_tasks(corpus_.manifest(), counting, options_, Split::kTest, {});
    EXPECT_EQ(encoded, clips) << fidelity;
    EXPECT_GT(score_named(found, "sid.acc"), 25);
  }
}

}  // namespace
}  // namespace concertina
