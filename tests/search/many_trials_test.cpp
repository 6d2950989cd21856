#include "tests/search/many_trials.h"

#include <gmock/gmock.h>

#include <chrono>

#include "search/study.h"

namespace concertina {
namespace {

template <class Action>
double best_seconds(const Action& action) {
  double best = 1e9;
  for (int i = 0; i < 3; ++i) {
    const auto start = std::chrono::steady_clock::now();
    action();
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

std::vector<MetricInfo> objectives(size_t count) {
  std::vector<MetricInfo> metrics;
  for (size_t m = 0; m < count; ++m)
    metrics.push_back({"m" + std::to_string(m), Direction::kMinimise, ""});
  return metrics;
}

// Everyone is on the front: the hardest case.
std::vector<Trial> trials_on_a_plane(int64_t count, size_t dims) {
  Rng rng(5);
  std::vector<Trial> trials(static_cast<size_t>(count));
  for (size_t i = 0; i < trials.size(); ++i) {
    trials[i].architecture =
        Architecture({}, 96, 20000, {{0, 2, static_cast<int32_t>(100 + i), 0}});
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

// Ten times the trials: 10 times the time when linear, about 13 with sorting, 100 when quadratic.
TEST(ManyTrials, TheFrontTakesNLogN) {
  for (const size_t dims : {2u, 3u}) {
    const auto few = trials_on_a_plane(10'000, dims), many = trials_on_a_plane(100'000, dims);
    const double small = best_seconds([&] { pareto_front(few, objectives(dims)); });
    const double large = best_seconds([&] { pareto_front(many, objectives(dims)); });
    EXPECT_LT(large / small, 40) << dims << " objectives: " << small << " s, " << large << " s";
    EXPECT_EQ(pareto_front(few, objectives(dims)).size(), few.size());
  }
}

TEST(ManyTrials, HypervolumeTakesNLogN) {
  const auto points = [](int64_t count) {
    std::vector<ObjectivePoint> all;
    for (const Trial& trial : trials_on_a_plane(count, 3))
      all.push_back(objective_point(trial.values, objectives(3)));
    return all;
  };
  const ObjectivePoint reference(3, 1.1);
  const auto few = points(10'000), many = points(100'000);
  const double small = best_seconds([&] { hypervolume(few, reference); });
  const double large = best_seconds([&] { hypervolume(many, reference); });
  EXPECT_LT(large / small, 40) << small << " s, " << large << " s";
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
