#include "eval/folds.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace concertina {
namespace {

constexpr int64_t kClasses = 3, kWidth = 8;

struct Data {
  at::Tensor x, y;
};

// Classes apart by `spread`, with noise of one full covariance.
Data drawn(int64_t n, double spread, uint64_t seed) {
  at::Generator world = at::make_generator<at::CPUGeneratorImpl>(5);
  const at::Tensor means = at::empty({kClasses, kWidth}).normal_(0, spread, world);
  const at::Tensor mix = at::empty({kWidth, kWidth}).normal_(0, 0.4, world) + at::eye(kWidth);
  at::Generator draws = at::make_generator<at::CPUGeneratorImpl>(seed);
  const at::Tensor y =
      at::empty({n}).uniform_(0, kClasses, draws).floor().to(at::kLong).clamp(0, kClasses - 1);
  return {means.index_select(0, y) + at::empty({n, kWidth}).normal_(0, 1, draws).mm(mix) + 7, y};
}

FoldSums folded(const Data& data) {
  FoldSums sums(kClasses);
  const int64_t part = data.x.size(0) / kFolds;
  for (int32_t k = 0; k < kFolds; ++k)
    sums.add(k, data.x.narrow(0, k * part, part), data.y.narrow(0, k * part, part));
  return sums;
}

TEST(Folds, SumsAddAndSubtract) {
  const Data a = drawn(60, 1, 1), b = drawn(40, 1, 2);
  const at::Tensor shift = a.x.mean(0).to(at::kDouble);
  ProbeSums first(kClasses, shift), second(kClasses, shift), both(kClasses, shift);
  first.add(a.x, a.y);
  second.add(b.x, b.y);
  both.add(a.x, a.y);
  both.add(b.x, b.y);
  EXPECT_TRUE(at::allclose((first + second).gram(), both.gram(), 1e-12));
  EXPECT_TRUE(at::allclose((both - second).gram(), first.gram(), 1e-9));
  EXPECT_TRUE(at::allclose((both - second).class_sums(), first.class_sums(), 1e-9, 1e-9));
  EXPECT_TRUE(at::equal((both - second).class_counts(), first.class_counts()));
}

TEST(Folds, HeldOutAccuraciesAreThoseOfFittingAndPredictingFoldByFold) {
  const Data data = drawn(400, 1, 3);
  const std::array<double, 3> shrinkages = {0.5, 1e-2, 1e-4};
  const int64_t part = data.x.size(0) / kFolds;
  for (const ProbeKind kind : {ProbeKind::kRidge, ProbeKind::kLda}) {
    const std::vector<double> accuracies = folded(data).held_out_accuracies(kind, shrinkages);
    std::vector<double> expected(shrinkages.size(), 0.0);
    for (int64_t k = 0; k < kFolds; ++k) {
      ProbeSums rest(kClasses);
      for (int64_t j = 0; j < kFolds; ++j) {
        if (j != k) rest.add(data.x.narrow(0, j * part, part), data.y.narrow(0, j * part, part));
      }
      const auto probes = solve_probes(rest, kind, shrinkages);
      for (size_t i = 0; i < probes.size(); ++i) {
        const at::Tensor guesses = probes[i].scores(data.x.narrow(0, k * part, part)).argmax(1);
        expected[i] += guesses.eq(data.y.narrow(0, k * part, part)).sum().item<double>() / 400;
      }
    }
    for (size_t i = 0; i < accuracies.size(); ++i)
      EXPECT_NEAR(accuracies[i], expected[i],
                  1.01 / 400);  // a frame on the border may fall anywhere
  }
}

// Every 4th frame over all that was added, whatever the pieces.
TEST(Folds, AccuracyIsTakenOnEveryNthFrame) {
  Data data = drawn(400, 3, 4);
  at::Tensor wrong = data.y.clone();
  for (int64_t i = 0; i < 400; i += 4) wrong[i] = (wrong[i] + 1) % kClasses;
  const auto accuracy = [&](int64_t every, int64_t piece) {
    FoldSums sums(kClasses, every);
    for (int64_t i = 0; i < 400; i += piece)
      sums.add(static_cast<int32_t>(i / 100), data.x.narrow(0, i, std::min<int64_t>(piece, 100)),
               wrong.narrow(0, i, std::min<int64_t>(piece, 100)));
    return sums.held_out_accuracies(ProbeKind::kLda, std::array{1e-2}).front();
  };
  EXPECT_LT(accuracy(4, 10), 0.1);
  EXPECT_EQ(accuracy(4, 10), accuracy(4, 50));
  EXPECT_GT(accuracy(1, 10), 0.6);
}

TEST(Folds, OneFoldChoosesTheFirstLayerAndTheStrongestShrinkage) {
  const Data data = drawn(100, 1, 4);
  constexpr std::array kKind = {ProbeKind::kRidge};
  const auto chosen = choose_probes(kKind, 2, [&](int64_t) {
    FoldSums sums(kClasses);
    sums.add(2, data.x, data.y);
    return sums;
  });
  EXPECT_EQ(chosen[0].layer, 0);
  EXPECT_EQ(chosen[0].folds, 1);
  EXPECT_EQ(chosen[0].probe.shrinkage, default_shrinkages(ProbeKind::kRidge).front());
}

TEST(Folds, TheLayerThatSeparatesClassesIsChosen) {
  const std::array<FoldSums, 3> layers = {folded(drawn(400, 0.1, 7)), folded(drawn(400, 3, 8)),
                                          folded(drawn(400, 0.5, 9))};
  constexpr std::array kKinds = {ProbeKind::kRidge, ProbeKind::kLda};
  const auto chosen =
      choose_probes(kKinds, 3, [&](int64_t layer) { return layers[static_cast<size_t>(layer)]; });
  const Data unseen = drawn(300, 3, 10);
  ASSERT_EQ(chosen.size(), kKinds.size());
  for (const ChosenProbe& each : chosen) {
    EXPECT_EQ(each.layer, 1);
    EXPECT_EQ(each.folds, kFolds);
    const at::Tensor right = each.probe.scores(unseen.x).argmax(1).eq(unseen.y);
    EXPECT_GT(right.to(at::kDouble).mean().item<double>(), 0.9);
  }
}

// Classes are told apart by noise in many channels: the more of them, the better. Projected to one
// width, a layer with more channels of the same has no advantage left.
TEST(Folds, ProjectionsToOneWidthDoNotRewardMoreChannels) {
  at::Generator draws = at::make_generator<at::CPUGeneratorImpl>(3);
  const at::Tensor labels = at::randint(kClasses, {800}, draws, at::kLong);
  const at::Tensor means = at::empty({kClasses, 96}).normal_(0, 0.25, draws);
  const at::Tensor wide = means.index_select(0, labels) + at::empty({800, 96}).normal_(0, 1, draws);
  const auto chosen_of = [&](const at::Tensor& x) {
    constexpr std::array kKinds = {ProbeKind::kLda};
    return choose_probes(
        kKinds, 1,
        [&](int64_t) {
          FoldSums sums(kClasses);
          for (int32_t fold = 0; fold < kFolds; ++fold)
            sums.add(fold, x.narrow(0, 200 * fold, 200), labels.narrow(0, 200 * fold, 200));
          return sums;
        },
        12);
  };
  const auto many = chosen_of(wide), few = chosen_of(wide.narrow(1, 0, 12));
  ASSERT_EQ(many.size(), 2u);
  EXPECT_EQ(many[0].width, 0);
  EXPECT_EQ(many[1].width, 12);
  EXPECT_GT(many[0].accuracies[0], few[0].accuracies[0] + 0.1);
  EXPECT_GT(many[0].accuracies[0], many[1].accuracies[0] + 0.1);
  EXPECT_NEAR(many[1].accuracies[0], few[1].accuracies[0], 0.2);
  EXPECT_EQ(few[1].width, 0) << "no wider than the projection: the features themselves";
  EXPECT_TRUE(at::equal(few[0].probe.weight, few[1].probe.weight));
  // The probe acts on all channels.
  EXPECT_EQ(many[1].probe.weight.size(0), 96);
  const double right =
      many[1].probe.scores(wide).argmax(1).eq(labels).to(at::kDouble).mean().item<double>();
  EXPECT_GT(right, many[1].accuracies[0] - 0.05);
  EXPECT_NE(many[1].setting("layer 0").find("layer 0 projected to 12 channels, "),
            std::string::npos);
}

Manifest speakers_with_groups() {
  Manifest manifest;
  for (int32_t speaker = 0; speaker < 3; ++speaker) {
    for (int32_t group = 0; group < 5; ++group) {
      for (int32_t clip = 0; clip < 2 + group; ++clip) {
        Clip& added = manifest.clips.emplace_back();
        added.id = "s" + std::to_string(speaker) + "g" + std::to_string(group) + "c" +
                   std::to_string(clip);
        added.speaker = "s" + std::to_string(speaker);
        added.group = added.id.substr(0, 4);
      }
    }
  }
  return manifest;
}

std::map<std::string, int32_t> folds_by_id(const Manifest& manifest) {
  std::vector<int64_t> clips;
  for (size_t i = 0; i < manifest.clips.size(); ++i) clips.push_back(static_cast<int64_t>(i));
  const std::vector<int32_t> folds = deal_folds(manifest, clips);
  std::map<std::string, int32_t> by_id;
  for (size_t i = 0; i < folds.size(); ++i) by_id[manifest.clips[i].id] = folds[i];
  return by_id;
}

TEST(Folds, GroupsStayTogetherAndSpeakersAreSpread) {
  const Manifest manifest = speakers_with_groups();
  const auto folds = folds_by_id(manifest);
  std::map<std::string, std::set<int32_t>> of_group, of_speaker;
  for (const Clip& clip : manifest.clips) {
    of_group[clip.group].insert(folds.at(clip.id));
    of_speaker[clip.speaker].insert(folds.at(clip.id));
  }
  for (const auto& [group, seen] : of_group) EXPECT_EQ(seen.size(), 1u) << group;
  for (const auto& [speaker, seen] : of_speaker)
    EXPECT_EQ(seen.size(), static_cast<size_t>(kFolds)) << speaker;
  Manifest reversed = manifest;
  std::ranges::reverse(reversed.clips);
  EXPECT_EQ(folds_by_id(reversed), folds);
}

TEST(Folds, WithoutGroupsSpeakersAndThenClipsAreTheUnits) {
  Manifest manifest = speakers_with_groups();
  for (Clip& clip : manifest.clips) clip.group.clear();
  std::map<std::string, std::set<int32_t>> of_speaker;
  for (const auto& [id, fold] : folds_by_id(manifest)) of_speaker[id.substr(0, 2)].insert(fold);
  for (const auto& [speaker, seen] : of_speaker) EXPECT_EQ(seen.size(), 1u) << speaker;
  for (Clip& clip : manifest.clips) clip.speaker = "alone";
  std::set<int32_t> seen;
  for (const auto& [id, fold] : folds_by_id(manifest)) seen.insert(fold);
  EXPECT_EQ(seen.size(), static_cast<size_t>(kFolds));
}

}  // namespace
}  // namespace concertina
