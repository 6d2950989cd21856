#include "eval/task_data.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/rng.h"

namespace concertina {
namespace {

// `classes` classes with `clips` clips each, in `groups` groups of a class.
struct Labelled {
  Manifest manifest;
  std::vector<ClipClass> clips;

  Labelled(int64_t classes, int64_t count, int64_t groups) {
    for (int64_t c = 0; c < classes; ++c) {
      for (int64_t i = 0; i < count; ++i) {
        Clip clip;
        clip.id = fmt::format("c{}/{}", c, i);
        if (groups > 0) clip.group = fmt::format("c{}/g{}", c, i % groups);
        clips.emplace_back(std::ssize(manifest.clips), c);
        manifest.clips.push_back(clip);
      }
    }
  }
  std::vector<ClipClass> at(double fidelity, LeastClips least) const {
    return clips_at_fidelity(manifest, clips, fidelity, least);
  }
  std::map<int64_t, int64_t> counts(const std::vector<ClipClass>& taken) const {
    std::map<int64_t, int64_t> counts;
    for (const auto& [clip, label] : taken) ++counts[label];
    return counts;
  }
};

TEST(Fidelity, AtOneNothingIsLeftOut) {
  const Labelled data(3, 7, 2);
  EXPECT_EQ(data.at(1, kLeastTraining), data.clips);
}

TEST(Fidelity, ClipsOfALowerOneAreAmongThoseOfAHigher) {
  const Labelled data(4, 250, 5);
  for (const LeastClips least : {kLeastTraining, kLeastScored, kLeastPhoneTraining}) {
    std::vector<ClipClass> higher = data.clips;
    for (const double fidelity : {0.5, 0.3, 0.1, 0.05, 0.01, 0.001}) {
      const std::vector<ClipClass> lower = data.at(fidelity, least);
      EXPECT_TRUE(std::ranges::includes(higher, lower)) << fidelity;
      EXPECT_LE(lower.size(), higher.size());
      higher = lower;
    }
    EXPECT_LT(higher.size(), data.clips.size());
  }
}

TEST(Fidelity, KeepsItsShareOfEachClassAndTheLeast) {
  const Labelled data(4, 250, 5);
  using Counts = std::map<int64_t, int64_t>;
  EXPECT_EQ(data.counts(data.at(0.1, kLeastTraining)),
            (Counts{{0, 25}, {1, 25}, {2, 25}, {3, 25}}));
  EXPECT_EQ(data.counts(data.at(0.001, kLeastTraining)), (Counts{{0, 3}, {1, 3}, {2, 3}, {3, 3}}));
  // 100 of 1000 at least, whatever the fidelity.
  EXPECT_EQ(data.counts(data.at(0.01, kLeastScored)), (Counts{{0, 25}, {1, 25}, {2, 25}, {3, 25}}));
  EXPECT_EQ(data.counts(data.at(0.5, kLeastScored)),
            (Counts{{0, 125}, {1, 125}, {2, 125}, {3, 125}}));
  const Labelled few(2, 2, 2);
  EXPECT_EQ(few.at(0.01, kLeastTraining), few.clips);
  EXPECT_EQ(Labelled(1, 30, 0).at(0.1, {0, 0}).size(), 3u);  // 0.1 * 30 is a little above 3
  EXPECT_TRUE(clips_at_fidelity({}, {}, 0.1, kLeastScored).empty());
}

TEST(Fidelity, TakesOneClipOfEveryGroupBeforeASecond) {
  const Labelled data(1, 40, 8);
  std::set<std::string> groups;
  for (const auto& [clip, label] : data.at(0.2, {}))
    groups.insert(data.manifest.clips[static_cast<size_t>(clip)].group);
  EXPECT_EQ(groups.size(), 8u);
}

TEST(Fidelity, ChoosesByIdsWhateverTheirOrder) {
  const Labelled data(3, 50, 4);
  const auto names = [](const Manifest& manifest, const std::vector<ClipClass>& clips) {
    std::set<std::string> ids;
    for (const auto& [clip, label] : clips)
      ids.insert(manifest.clips[static_cast<size_t>(clip)].id);
    return ids;
  };
  Manifest reversed = data.manifest;
  std::ranges::reverse(reversed.clips);
  std::vector<ClipClass> clips;
  for (int64_t i = 0; i < std::ssize(reversed.clips); ++i)
    clips.emplace_back(i, reversed.clips[static_cast<size_t>(i)].id[1] - '0');
  EXPECT_EQ(names(reversed, clips_at_fidelity(reversed, clips, 0.1, kLeastTraining)),
            names(data.manifest, data.at(0.1, kLeastTraining)));
}

}  // namespace
}  // namespace concertina
