// Labels that say nothing about the audio: no subnet can score better than another, however many
// layers it offers to choose from.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <map>

#include "eval/tasks.h"
#include "tests/eval/toy_corpus.h"
#include "tests/model/models.h"

namespace concertina {
namespace {

constexpr int32_t kDraws = 60;

SearchSpace deep_space() {
  SpaceChoices choices;
  choices.embed_dim = {64};
  choices.frame_period_us = {20000};
  choices.heads = {1};
  choices.ffn_ratio = {1};
  choices.storage_depth = 10;
  choices.depth = {2, 10};
  choices.policy = DepthPolicy::kSymmetric;
  return SearchSpace(testing::mel_blueprint(), choices, {}, SlicingRule::kPrefix);
}

// Speakers and phones are drawn for each clip and segment alike. (A shuffle of those that are there
// would leave less of what train has much of for dev.)
Manifest with_random_labels(const Manifest& manifest, int32_t draw) {
  constexpr int32_t kSpeakers = 3, kPhones = 4, kSegments = 5;
  Manifest result = manifest;
  Rng rng = Rng(11).fork("labels", static_cast<uint64_t>(draw));
  for (Clip& clip : result.clips) {
    clip.speaker = fmt::format("speaker{}", rng.below(kSpeakers));
    clip.phones = clip.id + ".random.lab";
    std::ofstream labels(manifest.folder / clip.phones);
    for (int32_t k = 1; k <= kSegments; ++k)
      labels << fmt::format("{:.1f} 125 p{}\n", 0.2 * k, rng.below(kPhones));
  }
  return result;
}

struct Mean {
  double value = 0, half_interval = 0;  // 99 %: five metrics are looked at in one test
};

Mean mean_of(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (const double value : values) sum += value;
  for (const double value : values) squares += (value - sum / n) * (value - sum / n);
  return {sum / n, 2.58 * std::sqrt(squares / (n - 1) / n)};
}

TEST(NullTest, WithRandomLabelsTheDeepestSubnetScoresAsOneOfDepthTwo) {
  const testing::ToyCorpus corpus("null", 3, 20);
  const Supernet supernet = testing::perturbed(deep_space(), 1);
  const auto shallow =
      testing::remembered(subnet_features(supernet.slice(supernet.space().smallest())));
  const auto deep =
      testing::remembered(subnet_features(supernet.slice(supernet.space().largest())));
  ASSERT_EQ(supernet.space().smallest().depth(), 2);
  ASSERT_EQ(supernet.space().largest().depth(), 10);
  TaskOptions options = testing::toy_options();
  options.clip_seconds = 1;

  std::map<std::string, std::vector<double>> gains;
  for (int32_t draw = 0; draw < kDraws; ++draw) {
    const Manifest manifest = with_random_labels(corpus.manifest(), draw);
    const auto two = score_tasks(manifest, shallow, options, Split::kDev, {});
    const auto ten = score_tasks(manifest, deep, options, Split::kDev, {});
    for (size_t i = 0; i < two.size(); ++i)
      gains[two[i].metric].push_back(ten[i].value - two[i].value);
  }
  for (const auto& [metric, values] : gains) {
    ASSERT_EQ(values.size(), static_cast<size_t>(kDraws));
    const Mean gain = mean_of(values);
    EXPECT_LE(std::abs(gain.value), gain.half_interval) << metric;
    RecordProperty(metric, fmt::format("{:.3f} +- {:.3f}", gain.value, gain.half_interval));
  }
}

}  // namespace
}  // namespace concertina
