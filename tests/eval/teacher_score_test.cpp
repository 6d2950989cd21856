#include "eval/teacher_score.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <set>

#include "core/errors.h"
#include "eval/weighted_clips.h"
#include "tests/eval/toy_corpus.h"
#include "tests/model/models.h"

namespace concertina {
namespace {

using ::testing::HasSubstr;

class TeacherScoreTest : public ::testing::Test {
 protected:
  static Subnet teacher_of(const Blueprint& blueprint) {
    const SearchSpace space = testing::small_space(blueprint);
    return testing::perturbed(space, 2).slice(space.largest());
  }

  TeacherScore of(const Subnet& teacher, std::vector<Row> rows) const {
    return {teacher, std::move(rows), corpus_.manifest(), Split::kDev, {.seconds = 20}, {}};
  }

  testing::ToyCorpus corpus_{"teacher-score"};
  Subnet teacher_ = teacher_of(testing::mel_blueprint());
};

TaskScore named(const std::vector<TaskScore>& scores, const std::string& metric) {
  const auto found = std::ranges::find(scores, metric, &TaskScore::metric);
  return found == scores.end() ? TaskScore{} : *found;
}

TEST_F(TeacherScoreTest, TheTeacherExplainsItself) {
  const auto scores =
      of(teacher_, hidden_rows({1, 2}, teacher_)).score(subnet_features(teacher_), {});
  const TaskScore r2 = named(scores, kTeacherR2);
  EXPECT_GT(r2.value, 0.99) << r2.setting;
  EXPECT_THAT(r2.setting, HasSubstr("hidden:1 from layer 1"));
  EXPECT_THAT(r2.setting, HasSubstr("hidden:2 from layer 2"));
  EXPECT_LE(named(scores, kTeacherCka).value, 1 + 1e-6);
  EXPECT_GT(named(scores, kTeacherCka).value, 0.2);
  EXPECT_GT(named(scores, kLoyaltyLabel).value, 95);
  EXPECT_GT(named(scores, kLoyaltyProb).value, 0.95);
  EXPECT_GT(named(scores, kLoyaltyPearson).value, 0.99);
  EXPECT_THAT(named(scores, kLoyaltyLabel).setting, HasSubstr("100 units, temperature"));
}

TEST_F(TeacherScoreTest, GivesItsMetricsInOrderAndTheSameEachTime) {
  const TeacherScore score = of(teacher_, hidden_rows({1, 2}, teacher_));
  const auto scores = score.score(subnet_features(teacher_), {});
  const auto again =
      of(teacher_, hidden_rows({1, 2}, teacher_)).score(subnet_features(teacher_), {});
  ASSERT_EQ(scores.size(), kTeacherMetrics.size());
  for (size_t i = 0; i < scores.size(); ++i) {
    EXPECT_EQ(scores[i].metric, kTeacherMetrics[i]);
    EXPECT_TRUE(is_teacher_metric(scores[i].metric));
    EXPECT_EQ(scores[i].value, again[i].value) << scores[i].metric;
  }
}

// "hidden:2 from layer 1, shrinkage 0.001: 0.9" -> the layer and, of ridge, the shrinkage.
std::pair<int64_t, double> chosen_in(const std::string& setting) {
  const size_t layer = setting.find("layer "), shrinkage = setting.find("shrinkage ");
  return {std::stoll(setting.substr(layer + 6)),
          shrinkage == std::string::npos ? 0 : std::stod(setting.substr(shrinkage + 10))};
}

// All frames of a split side by side, student's at a layer and teacher's after its second.
struct FramePairs {
  at::Tensor x, y;

  FramePairs(const Manifest& manifest, Split split, double seconds, const Subnet& student,
             const Subnet& teacher, int64_t layer) {
    std::vector<at::Tensor> of_student, of_teacher;
    for (const int64_t index :
         weighted_clips(manifest, split, {seconds, kTeacherClipSeconds, {}, 0})) {
      const Clip& clip = manifest.clips[static_cast<size_t>(index)];
      std::vector<float> samples(static_cast<size_t>(clip.samples));
      read_wav_segment(manifest.audio_path(clip), 0, samples);
      of_student.push_back(subnet_features(student)({samples}).front().layers[layer]);
      of_teacher.push_back(subnet_features(teacher)({samples}).front().layers[2]);
    }
    x = at::cat(of_student).to(at::kDouble);
    y = at::cat(of_teacher).to(at::kDouble);
  }
};

TEST_F(TeacherScoreTest, EqualsARegressionOnTheFrames) {
  const SearchSpace space = testing::small_space(testing::mel_blueprint());
  const Subnet student = testing::perturbed(space, 7).slice(space.smallest());
  const auto scores = of(teacher_, hidden_rows({2}, teacher_)).score(subnet_features(student), {});
  const TaskScore r2 = named(scores, kTeacherR2), cka = named(scores, kTeacherCka);
  const auto frames = [&](Split split, double seconds, int64_t layer) {
    return FramePairs(corpus_.manifest(), split, seconds, student, teacher_, layer);
  };

  const auto [layer, shrinkage] = chosen_in(r2.setting);
  FramePairs train = frames(Split::kTrain, 20, layer), dev = frames(Split::kDev, 10, layer);
  const at::Tensor mean = train.y.mean(0), spread = train.y.std(0, false);
  for (FramePairs* pairs : {&train, &dev}) pairs->y = (pairs->y - mean) / spread;
  const at::Tensor unit = (train.x - train.x.mean(0)) / train.x.std(0, false);
  const auto n = static_cast<double>(unit.size(0));
  const at::Tensor weight =
      at::linalg_solve(unit.t().mm(unit) / n + shrinkage * at::eye(unit.size(1), at::kDouble),
                       unit.t().mm(train.y) / n);
  const at::Tensor guess = ((dev.x - train.x.mean(0)) / train.x.std(0, false)).mm(weight);
  const at::Tensor error = (dev.y - guess).square().sum();
  EXPECT_NEAR(r2.value, (1 - error / (dev.y - dev.y.mean(0)).square().sum()).item<double>(), 1e-4)
      << r2.setting;

  FramePairs alike = frames(Split::kDev, 10, chosen_in(cka.setting).first);
  const at::Tensor a = alike.x - alike.x.mean(0), b = (alike.y - mean) / spread;
  const at::Tensor centred = b - b.mean(0);
  const at::Tensor expected =
      a.t().mm(centred).square().sum() / (a.t().mm(a).norm() * centred.t().mm(centred).norm());
  EXPECT_NEAR(cka.value, expected.item<double>(), 1e-4) << cka.setting;
}

TEST_F(TeacherScoreTest, ClipsGiveAnIntervalAndAddUpToTheValue) {
  const SearchSpace space = testing::small_space(testing::mel_blueprint());
  const Subnet student = testing::perturbed(space, 7).slice(space.smallest());
  const TeacherScore score = of(teacher_, hidden_rows({1, 2}, teacher_));
  const FeatureExtractor features = subnet_features(student);
  const auto alone = score.score(features, {});
  const auto all = score.score(features, {}, Intervals::kBootstrap);
  for (const char* metric : {kTeacherR2, kLoyaltyLabel, kLoyaltyProb, kLoyaltyPearson}) {
    SCOPED_TRACE(metric);
    const TaskScore without = named(alone, metric), with = named(all, metric);
    const double unit = std::string_view(metric) == kLoyaltyLabel ? 100 : 1;
    EXPECT_EQ(with.value, without.value);
    EXPECT_TRUE(without.hits.empty() && std::isnan(without.low));
    ASSERT_GT(with.hits.size(), 1u);
    EXPECT_NEAR(unit * hit_rate(with.hits, with.totals), with.value, 1e-4 * unit);
    EXPECT_LT(with.low, with.value);
    EXPECT_GT(with.high, with.value);
  }
  for (const char* metric : {kTeacherR2, kLoyaltyPearson}) {
    const TaskScore of_clips = named(all, metric);
    EXPECT_NEAR(std::accumulate(of_clips.totals.begin(), of_clips.totals.end(), 0.0), 1, 1e-4);
  }
  EXPECT_TRUE(std::isnan(named(all, kRankMe).low));
}

TEST_F(TeacherScoreTest, FallsForFramesOfAnotherTime) {
  const TeacherScore score = of(teacher_, hidden_rows({}, teacher_));
  const FeatureExtractor right = subnet_features(teacher_);
  const FeatureExtractor reversed = [&](const std::vector<std::vector<float>>& clips) {
    std::vector<ClipFeatures> features = right(clips);
    for (ClipFeatures& each : features) each.layers = each.layers.flip(1);
    return features;
  };
  const auto aligned = score.score(right, {}), shifted = score.score(reversed, {});
  EXPECT_GT(named(aligned, kTeacherR2).value, 0.99);
  EXPECT_LT(named(shifted, kTeacherR2).value, 0.9);
  for (const char* metric : {kLoyaltyLabel, kLoyaltyProb, kLoyaltyPearson})
    EXPECT_LT(named(shifted, metric).value, 0.9 * named(aligned, metric).value) << metric;
}

// A Whisper front end centres its frames before those of log-mel features.
TEST_F(TeacherScoreTest, RowsAreThoseNearestInTime) {
  Blueprint blueprint = testing::whisper_blueprint();
  blueprint.position_embeddings = 600;
  const Subnet whisper = teacher_of(blueprint);
  const TeacherScore score = of(whisper, hidden_rows({1}, whisper));
  const FeatureExtractor own = subnet_features(whisper);
  const auto delayed_by = [&](int64_t frames) {
    return [&, frames](const std::vector<std::vector<float>>& clips) {
      std::vector<ClipFeatures> features = own(clips);
      for (ClipFeatures& each : features) {
        each.layers = each.layers.slice(1, frames);
        each.centre_s += static_cast<double>(frames) * each.period_s;
      }
      return features;
    };
  };
  for (const int64_t frames : {0, 1, 3})
    EXPECT_GT(named(score.score(delayed_by(frames), {}), kTeacherR2).value, 0.99) << frames;
}

TEST_F(TeacherScoreTest, SaysWhatIsMissing) {
  EXPECT_THROW(of(teacher_, {}), InputError);
  EXPECT_THROW(of(teacher_, hidden_rows({99}, teacher_)), InputError);
  Manifest no_dev = corpus_.manifest();
  for (Clip& clip : no_dev.clips) clip.split = Split::kTrain;
  EXPECT_THROW(TeacherScore(teacher_, hidden_rows({}, teacher_), no_dev, Split::kDev, {}),
               InputError);
}

TEST(WeightedClips, DrawsBySourceWithoutRepeats) {
  Manifest manifest;
  for (int i = 0; i < 400; ++i)
    manifest.clips.push_back({.id = std::to_string(i),
                              .samples = 16000,
                              .source = i % 2 == 0 ? "even" : "odd",
                              .split = Split::kTrain});
  const std::vector<int64_t> clips =
      weighted_clips(manifest, Split::kTrain, {100, 10, {{"even", 3}}, 1});
  EXPECT_EQ(clips.size(), 100u);
  EXPECT_EQ(std::set<int64_t>(clips.begin(), clips.end()).size(), clips.size());
  const auto even = std::ranges::count_if(clips, [](int64_t clip) { return clip % 2 == 0; });
  EXPECT_GT(even, 60);
  EXPECT_LT(even, 95);
  EXPECT_NE(weighted_clips(manifest, Split::kTrain, {100, 10, {}, 2}), clips);
  EXPECT_EQ(weighted_clips(manifest, Split::kTrain, {1e6, 10, {{"odd", 0}}, 1}).size(), 200u);
}

}  // namespace
}  // namespace concertina
