#include "study/depth_width.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "core/rng.h"

namespace concertina {
namespace {

using ::testing::HasSubstr;

// Shares of `rate` of the frames of each clip.
ShapeScore clips_of(double rate, uint64_t seed, int64_t clips = 400) {
  ShapeScore score{.metric = "pr.frame_acc", .value = 100 * rate, .low = 0, .high = 100};
  Rng rng = Rng(seed).fork("clips");
  for (int64_t i = 0; i < clips; ++i) {
    const auto total = static_cast<double>(50 + rng.below(100));
    score.totals.push_back(total);
    score.hits.push_back(std::round(total * (rate + 0.2 * (rng.uniform() - 0.5))));
  }
  return score;
}

ScoredShape shape_of(int32_t depth, int32_t width, int64_t params, std::vector<ShapeScore> scores) {
  return {"e=" + std::to_string(width) + " p=20000 L=0-" + std::to_string(depth - 1) + ":2x64",
          params, std::move(scores)};
}

TEST(DepthWidth, PanelsGoFromWideToDeep) {
  const ShapeScore speaker{.metric = "asv.eer", .value = 30, .low = 28, .high = 32};
  const ShapeScore other{.metric = "teacher.r2", .value = 0.5};
  const DepthWidth found =
      depth_width_of({shape_of(6, 96, 1'000'000, {clips_of(0.6, 1), speaker, other}),
                      shape_of(2, 256, 1'020'000, {clips_of(0.5, 1), speaker, other}),
                      shape_of(3, 192, 990'000, {clips_of(0.55, 1), speaker, other})});
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
  std::vector<ScoredShape> shapes;
  for (int32_t depth = 1; depth <= kEnoughShapes; ++depth) {
    shapes.push_back(shape_of(depth, 64, 1'000'000, {clips_of(0.5, 1, 4)}));
    if (depth == 1) continue;
    const DepthWidth found = depth_width_of(shapes);
    const bool few = depth < kEnoughShapes;
    EXPECT_EQ(few_shapes(found).empty(), !few) << depth;
    EXPECT_EQ(nlohmann::json::parse(to_json(found)).contains("note"), few);
    if (depth == 2) EXPECT_THAT(few_shapes(found), HasSubstr("2 shapes, fewer than 6"));
  }
}

// The paired interval of a ratio is narrower than the unpaired one, and as wide as the normal
// approximation says: with residuals e_i = h_i - r t_i of each, var = n / (n - 1) sum(d_i^2) / (sum t)^2.
TEST(DepthWidth, IntervalsArePaired) {
  ShapeScore a = clips_of(0.5, 7), b = a;
  Rng rng(3);
  for (size_t i = 0; i < b.hits.size(); ++i) b.hits[i] += rng.chance(0.5) ? 2 : -1;
  const PairedDifference found = paired_difference(b, a, 1, 4000);
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
  EXPECT_NEAR(found.value, 100 * (hits_b - hits_a) / total, 1e-9);
  EXPECT_NEAR(found.high - found.low, 2 * half, 0.1 * 2 * half);
  EXPECT_LT(found.low, found.value);
  EXPECT_GT(found.high, found.value);
}

TEST(DepthWidth, UnequalShapesAreRejected) {
  const auto problem = [](const std::vector<ScoredShape>& shapes) -> std::string {
    try {
      depth_width_of(shapes);
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  };
  const ScoredShape wide = shape_of(2, 256, 1'000'000, {clips_of(0.5, 1)});
  EXPECT_THAT(problem({wide}), HasSubstr("at least two"));
  EXPECT_THAT(problem({wide, shape_of(6, 96, 1'070'000, {clips_of(0.5, 1)})}),
              HasSubstr("have 1000000 to 1070000 parameters"));
  EXPECT_EQ(problem({wide, shape_of(6, 96, 1'060'000, {clips_of(0.5, 1)})}), "");
  const ScoredShape unscored = shape_of(2, 256, 1'000'000, {});
  EXPECT_THAT(problem({unscored, unscored}), HasSubstr("no score"));
}

TEST(DepthWidth, ReadsWhatEvalWrites) {
  const std::vector<ScoredShape> shapes = scored_shapes(
      R"({"models": [{"name": "a", "params": 5, "architecture": "e=8 p=20000 L=0:1x8", "scores":
          [{"metric": "pr.frame_acc", "value": 50, "low": 40, "high": 60, "setting": "",
            "hits": [1, 0], "totals": [1, 1]}]},
         {"name": "mfcc", "params": 0, "architecture": "", "scores": []}]})",
      "scores.json");
  ASSERT_EQ(shapes.size(), 1U);
  EXPECT_EQ(shapes[0].scores[0].hits, (std::vector<double>{1, 0}));
  EXPECT_THROW(scored_shapes("{}", "x.json"), InputError);
}

}  // namespace
}  // namespace concertina
