#include "study/pareto.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "core/rng.h"
#include "study/hypervolume.h"
#include "tests/study/studies.h"

namespace concertina {
namespace {

using ::testing::ElementsAre;

std::vector<ObjectivePoint> random_points(int64_t count, size_t objectives, uint64_t seed,
                                          int64_t levels) {
  Rng rng(seed);
  std::vector<ObjectivePoint> points(static_cast<size_t>(count), ObjectivePoint(objectives));
  for (ObjectivePoint& p : points)
    for (double& x : p) x = static_cast<double>(rng.below(levels)) / static_cast<double>(levels);
  return points;
}

// Removes one front after the other, by the definition.
std::vector<int32_t> sorted_by_definition(const std::vector<ObjectivePoint>& points) {
  std::vector<int32_t> rank(points.size(), -1);
  for (int32_t front = 0; std::count(rank.begin(), rank.end(), -1) > 0; ++front) {
    std::vector<size_t> members;
    for (size_t i = 0; i < points.size(); ++i) {
      if (rank[i] != -1) continue;
      bool is_dominated = false;
      for (size_t j = 0; j < points.size(); ++j)
        is_dominated = is_dominated || (rank[j] == -1 && dominates(points[j], points[i]));
      if (!is_dominated) members.push_back(i);
    }
    for (const size_t i : members) rank[i] = front;
  }
  return rank;
}

TEST(Pareto, DominanceNeedsOneStrictlyBetter) {
  EXPECT_TRUE(dominates({1, 2}, {1, 3}));
  EXPECT_FALSE(dominates({1, 2}, {1, 2}));
  EXPECT_FALSE(dominates({0, 3}, {1, 2}));
}

TEST(Pareto, SortEqualsBruteForce) {
  for (const size_t objectives : {2, 3, 4}) {
    for (const int64_t levels : {4, 1000}) {  // few levels: many ties
      const auto points = random_points(120, objectives, 10 * objectives, levels);
      EXPECT_EQ(non_dominated_sort(points), sorted_by_definition(points));
    }
  }
}

TEST(Pareto, CrowdingOfKnownFront) {
  const std::vector<ObjectivePoint> front = {{0, 4}, {1, 2}, {2, 1}, {4, 0}};
  const auto distance = crowding_distance(front);
  EXPECT_TRUE(std::isinf(distance[0]));
  EXPECT_DOUBLE_EQ(distance[1], 2.0 / 4 + 3.0 / 4);
  EXPECT_DOUBLE_EQ(distance[2], 3.0 / 4 + 2.0 / 4);
  EXPECT_TRUE(std::isinf(distance[3]));
}

TEST(Pareto, HypervolumeOfKnownSets) {
  EXPECT_DOUBLE_EQ(hypervolume({{2}, {3}}, {5}), 3);
  EXPECT_DOUBLE_EQ(hypervolume({{1, 3}, {2, 2}, {3, 1}}, {4, 4}), 6);
  // Dominated, outside.
  EXPECT_DOUBLE_EQ(hypervolume({{1, 3}, {2, 2}, {3, 1}, {3, 3}, {5, 0}}, {4, 4}), 6);
  EXPECT_DOUBLE_EQ(hypervolume({{0, 0, 0}}, {1, 2, 3}), 6);
  EXPECT_DOUBLE_EQ(hypervolume({{0, 1, 1}, {1, 0, 1}, {1, 1, 0}}, {2, 2, 2}), 4);  // 1 + 3 * 1
  EXPECT_DOUBLE_EQ(hypervolume({}, {1, 1}), 0);
}

TEST(Pareto, HypervolumeOfZdtFronts) {
  std::vector<ObjectivePoint> zdt1, zdt2;
  for (int i = 0; i <= 2000; ++i) {
    const double x = i / 2000.0;
    zdt1.push_back({x, 1 - std::sqrt(x)});
    zdt2.push_back({x, 1 - x * x});
  }
  EXPECT_NEAR(hypervolume(zdt1, {1.1, 1.1}), 0.1 + 2.0 / 3 + 0.11, 1e-3);
  EXPECT_NEAR(hypervolume(zdt2, {1.1, 1.1}), 0.1 + 1.0 / 3 + 0.11, 1e-3);
}

TEST(Pareto, HypervolumeAgreesWithCounting) {
  for (const size_t objectives : {2, 3, 4}) {
    // On a grid of tenths: counting cells is exact.
    const auto points = random_points(12, objectives, objectives, 10);
    int64_t cells = 0;
    const auto total =
        static_cast<int64_t>(std::llround(std::pow(10, static_cast<double>(objectives))));
    for (int64_t cell = 0; cell < total; ++cell) {
      ObjectivePoint centre;
      for (int64_t rest = cell, m = 0; m < static_cast<int64_t>(objectives); ++m, rest /= 10) {
        centre.push_back((static_cast<double>(rest % 10) + 0.5) / 10);
      }
      cells += std::any_of(points.begin(), points.end(),
                           [&](const auto& p) { return dominates(p, centre); });
    }
    EXPECT_NEAR(hypervolume(points, ObjectivePoint(objectives, 1)),
                static_cast<double>(cells) / static_cast<double>(total), 1e-12);
  }
}

TEST(Pareto, KneeIsTheBulge) {
  EXPECT_EQ(knee_point(std::vector<ObjectivePoint>{}), -1);
  EXPECT_EQ(knee_point(std::vector<ObjectivePoint>{{3, 3}}), 0);
  EXPECT_EQ(knee_point(std::vector<ObjectivePoint>{{0, 100}, {1, 20}, {5, 10}, {10, 0}}), 1);
}

TEST(Pareto, FrontKeepsOneTrialPerArchitecture) {
  const std::vector<MetricInfo> metrics = {{"loss", Direction::kMinimise, ""},
                                           {"acc", Direction::kMaximise, ""}};
  const auto trial = [](int64_t number, uint64_t seed, double loss, double acc) {
    Trial t = small_trial(number, seed, 1);
    t.values = {{"loss", loss}, {"acc", acc}};
    return t;
  };
  std::vector<Trial> trials = {trial(0, 1, 3, 9), trial(1, 2, 1, 5), trial(2, 2, 1, 5),
                               trial(3, 3, 2, 4), trial(4, 4, 0, 99)};
  trials[4].state = TrialState::kFailed;
  EXPECT_THAT(pareto_front(trials, metrics), ElementsAre(1, 0));
}

}  // namespace
}  // namespace concertina
