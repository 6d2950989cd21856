#include "speech/selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <set>

#include "core/errors.h"
#include "core/files.h"

namespace concertina {
namespace {

using ::testing::ElementsAre;

TEST(Selection, RandomIsAPermutationOfItsSeed) {
  const ClipOrder order = random_order(50, Rng(1));
  EXPECT_EQ(std::set<size_t>(order.begin(), order.end()).size(), 50U);
  EXPECT_EQ(order, random_order(50, Rng(1)));
  EXPECT_NE(order, random_order(50, Rng(2)));
}

TEST(Selection, KCentreTakesTheFarthest) {
  // On a line: 0, 1, 2, 9, 10.
  const std::vector<float> line = {0, 1, 2, 9, 10};
  for (uint64_t seed = 0; seed < 8; ++seed) {
    const ClipOrder order = k_centre_order(line, 1, 5, Rng(seed));
    ASSERT_EQ(order.size(), 5U);
    const float first = line[order[0]];
    EXPECT_EQ(line[order[1]], first < 5 ? 10 : 0);
    EXPECT_EQ(std::set<size_t>(order.begin(), order.end()).size(), 5U);
    EXPECT_EQ(k_centre_order(line, 1, 2, Rng(seed)), (ClipOrder{order[0], order[1]}));
  }
}

// Greedy k-centre covers within twice the best radius (Gonzalez 1985); random clips need not.
TEST(Selection, KCentreCoversClustersThatAreRare) {
  std::vector<float> features;
  Rng rng(5);
  for (int i = 0; i < 300; ++i) {  // 297 clips in one place, one in each of three others
    const int place = i < 297 ? 0 : i - 296;
    features.push_back(static_cast<float>(10 * (place % 2) + 0.1 * rng.normal()));
    features.push_back(static_cast<float>(10 * (place / 2) + 0.1 * rng.normal()));
  }
  const ClipOrder order = k_centre_order(features, 2, 4, Rng(1));
  std::set<std::pair<int, int>> places;
  for (const size_t i : order)
    places.emplace(std::lround(features[2 * i] / 10), std::lround(features[2 * i + 1] / 10));
  EXPECT_EQ(places.size(), 4U);
}

TEST(Selection, UncertainClipsComeFirst) {
  EXPECT_THAT(highest_first(std::vector<double>{0.1, 0.5, 0.3, 0.5}), ElementsAre(1, 3, 2, 0));
}

TEST(Selection, BudgetsAreNested) {
  const std::vector<double> seconds = {10, 20, 5, 40, 1};
  const ClipOrder order = {2, 0, 1, 3, 4};
  EXPECT_THAT(within_budget(order, seconds, 15), ElementsAre(2, 0));
  EXPECT_THAT(within_budget(order, seconds, 40), ElementsAre(2, 0, 1));  // 4 would fit, 3 does not
  EXPECT_THAT(within_budget(order, seconds, 4), ElementsAre());
  EXPECT_THAT(within_budget(order, seconds, 100), ElementsAre(2, 0, 1, 3, 4));
}

TEST(Selection, AListReplacesTheTrainingClips) {
  const std::filesystem::path path = std::filesystem::temp_directory_path() /
                                     ("concertina-selection-" + std::to_string(::getpid()));
  Manifest corpus;
  for (const char* id : {"a", "b", "c", "dev", "test"}) {
    Clip clip{.id = id, .path = std::string(id) + ".wav", .samples = 16000};
    if (clip.id == "dev") clip.split = Split::kDev;
    if (clip.id == "test") clip.split = Split::kTest;
    corpus.clips.push_back(clip);
  }
  write_clip_list(corpus, std::vector<size_t>{2, 0}, path);
  std::vector<std::string> ids;
  for (const Clip& clip : with_training_clips(corpus, path).clips) ids.push_back(clip.id);
  EXPECT_THAT(ids, ElementsAre("a", "c", "dev", "test"));
  write_atomically(path, "id\nz\n");
  EXPECT_THROW(with_training_clips(corpus, path), InputError);
  write_atomically(path, "id\ndev\n");
  EXPECT_THROW(with_training_clips(corpus, path), InputError);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace concertina
