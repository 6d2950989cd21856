#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "eval/encoded_batches.h"
#include "eval/tasks.h"
#include "tests/eval/toy_corpus.h"
#include "tests/model/models.h"

namespace concertina {
namespace {

using testing::score_named;
using testing::toy_options;

TEST(Features, FbankSolvesTheToyCorpus) {
  const testing::ToyCorpus corpus("fbank");
  const std::vector<float> second(16000, 0.0F);
  const ClipFeatures features = fbank_baseline_features()({second}).front();
  EXPECT_EQ(features.layers.sizes(), (std::vector<int64_t>{1, 49, 240}));  // 98 frames of 10 ms
  EXPECT_DOUBLE_EQ(features.period_s, 0.02);
  const auto scores =
      score_tasks(corpus.manifest(), fbank_baseline_features(), toy_options(), Split::kTest, {});
  EXPECT_GT(score_named(scores, "pr.frame_acc_lda"), 75);
  EXPECT_GT(score_named(scores, "sid.acc"), 60);
}

// Energy that grows by a constant factor has a constant first difference and no second.
TEST(Features, FbankDifferencesAreSlopes) {
  std::vector<float> samples;
  Rng rng(2);
  for (int32_t n = 0; n < 32000; ++n)
    samples.push_back(static_cast<float>(std::exp(0.05 * n / 160.0 / 2 - 8) * rng.normal()));
  const at::Tensor x = fbank_baseline_features()({samples}).front().layers[0].mean(0);
  EXPECT_NEAR(x.narrow(0, 80, 80).mean().item<double>(), 0.05, 0.01);
  EXPECT_NEAR(x.narrow(0, 160, 80).mean().item<double>(), 0, 0.005);
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

// Longest first, 0.5 to 3 s, three minutes in all.
std::vector<std::vector<float>> noise_clips() {
  Rng rng(4);
  std::vector<std::vector<float>> clips(100);
  for (size_t i = 0; i < clips.size(); ++i) {
    for (size_t n = 0; n < 48000 - 400 * i; ++n)
      clips[i].push_back(static_cast<float>(0.1 * rng.normal()));
  }
  return clips;
}

TEST(Features, BatchesDoNotDependOnTheNumberOfThreads) {
  const std::vector<std::vector<float>> clips = noise_clips();
  std::vector<int64_t> lengths;
  for (const auto& clip : clips) lengths.push_back(std::ssize(clip));
  const size_t end = encoded_batch_end(lengths, 0);
  EXPECT_EQ(end, 20u);  // 20 clips of 3 s with padding
  EXPECT_EQ(encoded_batch_end(std::vector<int64_t>{2000000, 1000}, 0), 1u);
  const std::vector<std::vector<float>> first(clips.begin(), clips.begin() + 20);

  const Supernet supernet = testing::perturbed(testing::small_space(testing::mel_blueprint()), 1);
  const FeatureExtractor extractor = subnet_features(supernet.slice(supernet.space().largest()));
  const int before = at::get_num_threads();
  std::vector<std::vector<ClipFeatures>> features;
  for (const int threads : {1, 2}) {
    at::set_num_threads(threads);
    features.push_back(extractor(clips));
    features.push_back(extractor(first));
  }
  at::set_num_threads(before);
  for (const std::vector<ClipFeatures>& other : features) {
    for (size_t i = 0; i < other.size(); ++i)
      EXPECT_TRUE(at::equal(other[i].layers, features[0][i].layers)) << "clip " << i;
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
