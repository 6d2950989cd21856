// Query by example as a task: on words of tones, with shuffled texts, and where nothing is said twice.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "core/errors.h"
#include "eval/tasks.h"
#include "tests/eval/spoken_corpus.h"

namespace concertina {
namespace {

class QueryByExample : public ::testing::Test {
 protected:
  QueryByExample() {
    corpus_.say_sentences({"abc", "deb", "fgh", "hca", "gad"}, 2, 8);
    options_.tasks = {"qbe"};
  }
  TaskScore score(const Manifest& manifest) const {
    return score_tasks(manifest, features, options_, Split::kTest, {}).at(0);
  }
  // Of one frame, without its neighbours; the first "layer" is noise.
  static std::vector<ClipFeatures> features(const std::vector<std::vector<float>>& clips) {
    std::vector<ClipFeatures> all = mfcc_baseline_features()(clips);
    for (ClipFeatures& clip : all) {
      const at::Tensor frame = clip.layers.narrow(2, 8 * 20, 20);
      at::Generator draws = at::make_generator<at::CPUGeneratorImpl>(clip.layers.size(1));
      clip.layers = at::cat({at::empty(frame.sizes()).normal_(0, 1, draws), frame});
    }
    return all;
  }

  testing::SpokenCorpus corpus_{"qbe"};
  TaskOptions options_;
};

Manifest with_shuffled_texts(Manifest manifest, uint64_t seed) {
  Rng rng(seed);
  std::vector<std::string> texts;
  for (const Clip& clip : manifest.clips) texts.push_back(clip.text);
  rng.shuffle(std::span(texts));
  for (size_t i = 0; i < texts.size(); ++i) manifest.clips[i].text = texts[i];
  return manifest;
}

TEST_F(QueryByExample, FindsWordsWithALayerChosenOnTrain) {
  const TaskScore found = score(corpus_.manifest());
  EXPECT_EQ(found.metric, "qbe.mtwv");
  EXPECT_GT(found.value, 0.7) << found.setting;
  EXPECT_LE(found.low, found.value);
  EXPECT_GE(found.high, found.value);
  EXPECT_TRUE(found.setting.starts_with("layer 1, chosen on ")) << found.setting;
  EXPECT_TRUE(found.setting.ends_with("of train; 10 queries in 26 clips")) << found.setting;
}

TEST_F(QueryByExample, ShuffledTextsScoreAtChance) {
  double sum = 0;
  constexpr int kDraws = 10;
  for (int draw = 0; draw < kDraws; ++draw)
    sum += score(with_shuffled_texts(corpus_.manifest(), static_cast<uint64_t>(draw))).value;
  EXPECT_LT(sum / kDraws, 0.15);
}

TEST_F(QueryByExample, IsTheSameOnOneAndTwoThreads) {
  const int before = at::get_num_threads();
  std::vector<TaskScore> scores;
  for (const int threads : {1, 2}) {
    at::set_num_threads(threads);
    scores.push_back(score(corpus_.manifest()));
  }
  at::set_num_threads(before);
  EXPECT_EQ(scores[0].value, scores[1].value);
  EXPECT_EQ(scores[0].low, scores[1].low);
  EXPECT_EQ(scores[0].setting, scores[1].setting);
}

TEST_F(QueryByExample, WithoutTextsItIsLeftOut) {
  Manifest manifest = corpus_.manifest();
  for (Clip& clip : manifest.clips) {
    if (clip.split == Split::kTest) clip.text.clear();
  }
  const PreparedTasks prepared(manifest, options_, Split::kTest);
  ASSERT_EQ(prepared.left_out().size(), 1u);
  EXPECT_EQ(prepared.left_out()[0].second,
            "no clip of split test says up to 4 words that a clip of another group says, too "
            "(columns 'text', 'keyword', 'group' and 'split')");
}

TEST_F(QueryByExample, TheSameAudioInTrainAndTestIsAnError) {
  Manifest manifest = corpus_.manifest();
  for (Clip& clip : manifest.clips) clip.hash = "0123456789abcdef";
  EXPECT_THROW(score(manifest), InputError);
}

}  // namespace
}  // namespace concertina
