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

TEST(Folds, HeldOutErrorsAreThoseOfFittingAndPredictingFoldByFold) {
  const Data data = drawn(400, 1, 3);
  const std::array<double, 3> penalties = {1, 1e-2, 1e-4};
  const std::vector<double> errors = folded(data).held_out_errors(penalties);
  std::vector<double> expected(penalties.size(), 0.0);
  const int64_t part = data.x.size(0) / kFolds;
  for (int64_t k = 0; k < kFolds; ++k) {
    const at::Tensor held_x = data.x.narrow(0, k * part, part);
    const at::Tensor held_y = at::one_hot(data.y.narrow(0, k * part, part), kClasses);
    ProbeSums rest(kClasses);
    for (int64_t j = 0; j < kFolds; ++j) {
      if (j != k) rest.add(data.x.narrow(0, j * part, part), data.y.narrow(0, j * part, part));
    }
    const auto probes = solve_probes(rest, ProbeKind::kRidge, penalties);
    for (size_t i = 0; i < probes.size(); ++i)
      expected[i] += (probes[i].scores(held_x) - held_y).square().sum().item<double>() /
                     static_cast<double>(data.x.size(0));
  }
  for (size_t i = 0; i < errors.size(); ++i)
    EXPECT_NEAR(errors[i], expected[i], 1e-4 * expected[i]);
}

TEST(Folds, AClassThatTrainingLacksCostsItsLabelsAlone) {
  Data data = drawn(200, 1, 4);
  data.y.narrow(0, 0, 50).fill_(2);
  data.y.narrow(0, 50, 150).clamp_max_(1);
  const std::vector<double> errors = folded(data).held_out_errors(std::array{1e-2});
  EXPECT_TRUE(std::isfinite(errors[0]));
  EXPECT_GT(errors[0], 0.2);
}

TEST(Folds, TheRidgeOfLdaSpansItsDiscriminants) {
  const Data data = drawn(500, 1, 6);
  ProbeSums sums(kClasses);
  sums.add(data.x, data.y);
  for (const double shrinkage : {0.3, 1e-2}) {
    const auto lda = solve_probes(sums, ProbeKind::kLda, std::array{shrinkage}).front();
    const auto ridge =
        solve_probes(sums, ProbeKind::kRidge, std::array{ridge_penalty_of_lda(sums, shrinkage)})
            .front();
    const at::Tensor span = lda.weight.to(at::kDouble), wanted = ridge.weight.to(at::kDouble);
    const at::Tensor fitted = span.mm(at::linalg_pinv(span, 1e-5).mm(wanted));
    EXPECT_LT(((fitted - wanted).norm() / wanted.norm()).item<double>(), 1e-4);
  }
}

TEST(Folds, TheLayerThatTellsClassesApartIsChosen) {
  const std::array<FoldSums, 3> layers = {folded(drawn(400, 0.1, 7)), folded(drawn(400, 3, 8)),
                                          folded(drawn(400, 0.5, 9))};
  const ChosenProbes chosen =
      choose_probes(3, [&](int64_t layer) { return layers[static_cast<size_t>(layer)]; });
  EXPECT_EQ(chosen.layer, 1);
  EXPECT_EQ(chosen.folds, kFolds);
  const Data unseen = drawn(300, 3, 10);
  for (const LinearProbe* probe : {&chosen.ridge, &chosen.lda}) {
    const at::Tensor right = probe->scores(unseen.x).argmax(1).eq(unseen.y);
    EXPECT_GT(right.to(at::kDouble).mean().item<double>(), 0.9);
  }
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
