#include "pipeline/depth_width.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "core/files.h"
#include "core/rng.h"
#include "pipeline/paired_scores.h"
#include "tests/pipeline/fixtures.h"

namespace concertina {
namespace {

using ::testing::HasSubstr;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Shares of `rate` of the frames of each clip.
TaskScore clips_of(double rate, uint64_t seed, int64_t clips = 400) {
  TaskScore score{.metric = "pr.frame_acc", .value = 100 * rate, .low = 0, .high = 100};
  Rng rng = Rng(seed).fork("clips");
  for (int64_t i = 0; i < clips; ++i) {
    const auto total = static_cast<double>(50 + rng.below(100));
    score.totals.push_back(total);
    score.hits.push_back(std::round(total * (rate + 0.2 * (rng.uniform() - 0.5))));
  }
  return score;
}

// The same 600 trials of 60 clips for any system: target trials score `distance` higher, with noise of
// the system's own.
std::vector<TaskScore> verification(double distance, uint64_t system) {
  TaskScore rate{.metric = "asv.eer_plda", .value = 0, .low = 0, .high = 100};
  TaskScore cost{.metric = "asv.min_dcf_plda", .value = 0, .low = 0, .high = 1};
  rate.trial_clips = 60;
  Rng clips(1), noise(system);
  for (int32_t i = 0; i < 600; ++i) {
    const int64_t first = clips.below(60), second = clips.below(60);
    const bool target = i % 2 == 0;
    rate.trials.push_back({first, second, target, noise.uniform() + (target ? distance : 0)});
  }
  rate.value = 100 * equal_error_rate(rate.trials);
  cost.value = min_detection_cost(rate.trials);
  return {rate, cost};
}

ScoredModel shape_of(int32_t depth, int32_t width, int64_t params, std::vector<TaskScore> scores) {
  const std::string key =
      "e=" + std::to_string(width) + " p=20000 L=0-" + std::to_string(depth - 1) + ":2x64";
  return {key, key, params, std::move(scores)};
}

Scores scores_of(std::vector<ScoredModel> shapes) {
  Scores scores;
  scores.models = std::move(shapes);
  return scores;
}

TEST(DepthWidth, PanelsGoFromWideToDeep) {
  const TaskScore speaker{.metric = "asv.eer", .value = 30, .low = 28, .high = 32};  // no trials
  const TaskScore other{.metric = "teacher.r2", .value = 0.5};
  const DepthWidth found =
      depth_width_of(scores_of({shape_of(6, 96, 1'000'000, {clips_of(0.6, 1), speaker, other}),
                                shape_of(2, 256, 1'020'000, {clips_of(0.5, 1), speaker, other}),
                                shape_of(3, 192, 990'000, {clips_of(0.55, 1), speaker, other}),
                                {"mfcc", "", 0, {clips_of(0.4, 1)}}}));
  EXPECT_EQ(found.reference, "e=256 p=20000 L=0-1:2x64");
  ASSERT_EQ(found.panels.size(), 2U);
  const DepthWidthPanel& content = found.panels[0];
  EXPECT_EQ(content.group, "content");
  ASSERT_EQ(content.points.size(), 3U);
  EXPECT_EQ(content.points[1].depth, 3);
  EXPECT_EQ(content.points[0].difference, 0);
  EXPECT_GT(content.points[2].difference_low, 5);
  EXPECT_LT(content.points[2].difference_high, 15);
  EXPECT_EQ(found.panels[1].group, "speaker");
  EXPECT_TRUE(std::isnan(found.panels[1].points[1].difference));
  const auto json = nlohmann::json::parse(to_json(found));
  EXPECT_EQ(json.at("panels").at(0).at("points").size(), 3U);
  EXPECT_TRUE(json.at("panels").at(1).at("points").at(1).at("difference").is_null());
}

TEST(DepthWidth, SaysWhenThereAreFewShapes) {
  std::vector<ScoredModel> shapes;
  for (int32_t depth = 1; depth <= kEnoughShapes; ++depth) {
    shapes.push_back(shape_of(depth, 64, 1'000'000, {clips_of(0.5, 1, 4)}));
    if (depth == 1) continue;
    const DepthWidth found = depth_width_of(scores_of(shapes));
    const bool few = depth < kEnoughShapes;
    EXPECT_EQ(few_shapes(found).empty(), !few) << depth;
    EXPECT_EQ(nlohmann::json::parse(to_json(found)).contains("note"), few);
    EXPECT_EQ(few_shapes(found).starts_with(std::to_string(depth) + " shapes, fewer than 6"), few);
  }
}

// The paired interval of a ratio is narrower than the unpaired one, and as wide as the normal
// approximation says: with residuals e_i = h_i - r t_i of each, var = n / (n - 1) sum(d_i^2) / (sum t)^2.
TEST(DepthWidth, IntervalsArePaired) {
  TaskScore a = clips_of(0.5, 7), b = a;
  Rng rng(3);
  for (size_t i = 0; i < b.hits.size(); ++i) b.hits[i] += rng.chance(0.5) ? 2 : -1;
  const DepthWidth shapes = depth_width_of(
      scores_of({shape_of(2, 256, 1'000'000, {a}), shape_of(3, 192, 1'000'000, {b})}));
  const ShapePoint& found = shapes.panels[0].points[1];
  double hits_a = 0, hits_b = 0, total = 0;
  for (size_t i = 0; i < a.hits.size(); ++i)
    hits_a += a.hits[i], hits_b += b.hits[i], total += a.totals[i];
  double squares = 0;
  for (size_t i = 0; i < a.hits.size(); ++i) {
    const double d =
        (b.hits[i] - hits_b / total * a.totals[i]) - (a.hits[i] - hits_a / total * a.totals[i]);
    squares += d * d;
  }
  const double half = 1.96 * 100 * std::sqrt(squares) / total;
  EXPECT_NEAR(found.difference, 100 * (hits_b - hits_a) / total, 1e-9);
  EXPECT_NEAR(found.difference_high - found.difference_low, 2 * half, 0.15 * 2 * half);
  EXPECT_LT(found.difference_low, found.difference);
  EXPECT_GT(found.difference_high, found.difference);
}

// The widest shape has no error; the next has its scores; the last guesses.
TEST(DepthWidth, ErrorRatesArePairedOverClipsOfTheirTrials) {
  const DepthWidth found =
      depth_width_of(scores_of({shape_of(2, 256, 1'000'000, verification(2, 1)),
                                shape_of(3, 192, 1'000'000, verification(2, 1)),
                                shape_of(6, 96, 1'000'000, verification(0, 2))}));
  ASSERT_EQ(found.panels.size(), 2U);
  const std::vector<ShapePoint>& points = found.panels[0].points;
  ASSERT_EQ(points.size(), 3U);
  EXPECT_EQ(points[0].value, 0);
  for (const size_t same : {0, 1}) {
    EXPECT_EQ(points[same].difference, 0);
    EXPECT_EQ(points[same].difference_low, 0);
    EXPECT_EQ(points[same].difference_high, 0);
  }
  const ShapePoint& guessing = points[2];
  EXPECT_DOUBLE_EQ(guessing.difference, guessing.value);  // the other's is 0
  EXPECT_NEAR(guessing.difference, 50, 6);
  EXPECT_GT(guessing.difference_low, 35);
  EXPECT_LT(guessing.difference_low, guessing.difference);
  EXPECT_GT(guessing.difference_high, guessing.difference);
  EXPECT_LT(guessing.difference_high, 65);
  const ShapePoint& cost = found.panels[1].points[2];
  EXPECT_EQ(found.panels[1].metric, "asv.min_dcf_plda");
  EXPECT_DOUBLE_EQ(cost.difference, cost.value);
  EXPECT_GT(cost.difference_low, 0.5);
}

// One resample of clips serves both shapes: scores that differ little have a difference with a narrow
// interval, however wide the interval of each.
TEST(DepthWidth, AnErrorRateThatDiffersLittleHasANarrowInterval) {
  const std::vector<TaskScore> wide = verification(0.5, 3);
  std::vector<TaskScore> deep = wide;
  Rng rng(5);
  for (VerificationTrial& trial : deep[0].trials) trial.score += 0.02 * rng.uniform();
  const DepthWidth found = depth_width_of(
      scores_of({shape_of(2, 256, 1'000'000, wide), shape_of(3, 192, 1'000'000, deep)}));
  const ShapePoint& point = found.panels[0].points[1];
  const auto alone = bootstrap_verification(deep[0].trials, 60, Rng(1)).equal_error_rate;
  EXPECT_GT(point.difference_high, point.difference_low);
  EXPECT_LT(point.difference_high - point.difference_low, 0.5 * 100 * (alone.high - alone.low));
}

TEST(DepthWidth, DifferencesAreThoseOfScoresCompare) {
  const Scores scores = scores_of({shape_of(2, 256, 1'000'000, verification(0.5, 3)),
                                   shape_of(3, 192, 1'000'000, verification(0.4, 4))});
  const auto [rate, cost] = [&] {
    const auto all = paired_differences({&scores, &scores.models[1]}, {&scores, &scores.models[0]});
    return std::pair(all.at(0).test, all.at(1).test);
  }();
  const DepthWidth found = depth_width_of(scores);
  EXPECT_EQ(found.panels[0].points[1].difference, rate.difference);
  EXPECT_EQ(found.panels[0].points[1].difference_low, rate.interval.low);
  EXPECT_EQ(found.panels[0].points[1].difference_high, rate.interval.high);
  EXPECT_EQ(found.panels[1].points[1].difference_high, cost.interval.high);
  const DepthWidth drawn_anew = depth_width_of(scores, 1);
  EXPECT_EQ(drawn_anew.panels[0].points[1].difference, rate.difference);
  EXPECT_NE(drawn_anew.panels[0].points[1].difference_low, rate.interval.low);
}

std::string problem_of(const std::vector<ScoredModel>& shapes) {
  try {
    depth_width_of(scores_of(shapes));
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(DepthWidth, UnequalShapesAreRejected) {
  const ScoredModel wide = shape_of(2, 256, 1'000'000, {clips_of(0.5, 1)});
  EXPECT_THAT(problem_of({wide}), HasSubstr("at least two"));
  EXPECT_THAT(problem_of({wide, shape_of(6, 96, 1'070'000, {clips_of(0.5, 1)})}),
              HasSubstr("have 1000000 to 1070000 parameters"));
  EXPECT_EQ(problem_of({wide, shape_of(6, 96, 1'060'000, {clips_of(0.5, 1)})}), "");
  const ScoredModel unscored = shape_of(2, 256, 1'000'000, {});
  EXPECT_THAT(problem_of({unscored, unscored}), HasSubstr("no score"));
}

TEST(DepthWidth, OtherTrialsAreRejected) {
  std::vector<TaskScore> others = verification(2, 1);
  others[0].trials[3].second = (others[0].trials[3].second + 1) % 60;
  EXPECT_THAT(problem_of({shape_of(2, 256, 1'000'000, verification(2, 1)),
                          shape_of(3, 192, 1'000'000, others)}),
              HasSubstr("asv.eer_plda has other trials"));
}

class DepthWidthFile : public testing::InFolder {};

// Of metrics without an interval eval writes null, which a comparison of others must not stop at.
TEST_F(DepthWidthFile, IsWhatEvalWrites) {
  std::vector<TaskScore> wide = verification(2, 1), deep = verification(0, 2);
  for (std::vector<TaskScore>* scores : {&wide, &deep})
    scores->push_back({.metric = "pnmi.phones", .value = 0.4, .low = kNan, .high = kNan});
  const Scores scores =
      scores_of({shape_of(2, 256, 1'000'000, wide), shape_of(3, 192, 1'000'000, deep)});
  write_atomically(folder_ / "scores.json", to_json(scores, ClipScores::kListed));
  EXPECT_EQ(to_json(depth_width_of(read_scores(folder_ / "scores.json"))),
            to_json(depth_width_of(scores)));
  write_atomically(folder_ / "plain.json", to_json(scores, ClipScores::kNone));
  const DepthWidth plain = depth_width_of(read_scores(folder_ / "plain.json"));
  EXPECT_TRUE(std::isnan(plain.panels[0].points[1].difference_low));
}

}  // namespace
}  // namespace concertina
