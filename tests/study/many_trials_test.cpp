#include "tests/study/many_trials.h"

#include <gmock/gmock.h>

#include "study/hypervolume.h"
#include "study/queries.h"

namespace concertina {
namespace {

std::vector<MetricInfo> objectives(size_t count) {
  std::vector<MetricInfo> metrics;
  for (size_t m = 0; m < count; ++m)
    metrics.push_back({"m" + std::to_string(m), Direction::kMinimise, ""});
  return metrics;
}

// All trials are non-dominated: the hardest case.
std::vector<Trial> trials_on_a_plane(int64_t count, size_t dims) {
  Rng rng(5);
  std::vector<Trial> trials(static_cast<size_t>(count));
  for (size_t i = 0; i < trials.size(); ++i) {
    const auto n = static_cast<int32_t>(i);
    trials[i].architecture =
        Architecture({}, 96 + n / 50'000, 20000, {{0, 2, 100 + n % 50'000, 0}});
    double left = 1;
    for (size_t m = 0; m + 1 < dims; ++m) {
      const double x = rng.uniform(0, left);
      trials[i].values["m" + std::to_string(m)] = x;
      left -= x;
    }
    trials[i].values["m" + std::to_string(dims - 1)] = left;
  }
  return trials;
}

// A quadratic algorithm would exceed the test's time limit.
TEST(ManyTrials, TheFrontOfAHundredThousandIsFound) {
  for (const size_t dims : {2u, 3u}) {
    const auto trials = trials_on_a_plane(100'000, dims);
    EXPECT_EQ(pareto_front(trials, objectives(dims)).size(), trials.size());
  }
}

TEST(ManyTrials, TheHypervolumeOfAHundredThousandIsThatOfTheirPlane) {
  std::vector<ObjectivePoint> points;
  for (const Trial& trial : trials_on_a_plane(100'000, 3))
    points.push_back(objective_point(trial.values, objectives(3)));
  // Below the plane x + y + z = 1 nothing is dominated: 1/6 of the unit cube.
  EXPECT_NEAR(hypervolume(points, ObjectivePoint(3, 1.0)), 1 - 1.0 / 6, 0.02);
}

TEST(ManyTrials, AQuestionReadsTheTrialsOnce) {
  const Folder folder;
  made_up_study(folder / "s.db", 100);
  const std::vector<Budget> budgets = {{"params", 1.5e5, {}}, {"latency.pred_ms", 8, {}}};
  EXPECT_EQ(
      statements_with("FROM trial t",
                      [&] { within_budgets(StudyFile::open_read_only(folder / "s.db"), budgets); }),
      1);
}

TEST(ManyTrials, AHundredThousandAreAnswered) {
  const Folder folder;
  const StudyFile study = made_up_study(folder / "s.db", 100'000);
  EXPECT_EQ(study.trial_count(), 100'000);
  std::vector<Trial> trials = study.trials();
  ASSERT_EQ(trials.size(), 100'000u);
  EXPECT_EQ(trials[99'999].values.at("params"), 199'999);
  FrontResults results;
  for (size_t i = 0; i < trials.size(); i += 10)
    results.test[trials[i].architecture] = {{"sid.acc", {80}}};
  add_results(results, trials);
  EXPECT_EQ(trials[50].values.at("test.sid.acc"), 80);
  EXPECT_FALSE(trials[51].values.contains("test.sid.acc"));
  const std::vector<Budget> budget = {{"params", 1.5e5, {}}};
  const BudgetAnswer answer = within_budgets(study.header(), results, trials, budget);
  ASSERT_FALSE(answer.fitting.empty());
  EXPECT_LE(answer.fitting[0].values.at("params"), 1.5e5);
}

}  // namespace
}  // namespace concertina
