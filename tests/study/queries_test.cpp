#include <gmock/gmock.h>

#include "core/errors.h"
#include "study/front_members.h"
#include "study/queries.h"
#include "tests/study/studies.h"

namespace concertina {
namespace {

using ::testing::HasSubstr;

class Queries : public ::testing::Test {
 protected:
  Queries() : study_(StudyFile::create(folder_ / "s.db", small_header())) {
    std::vector<Trial> trials;
    // Loss decreases and latency increases with size; trial 3 is dominated but small.
    const double rows[][3] = {
        {0.9, 5, 1.0e6}, {0.5, 9, 2.0e6}, {0.2, 20, 3.0e6}, {0.6, 10, 1.2e6}, {0.1, 40, 2.9e6}};
    for (size_t i = 0; i < 5; ++i) {
      Trial trial = small_trial(static_cast<int64_t>(i), 10 + i, 1);
      trial.values = {{"distill.l1", rows[i][0]},
                      {"latency.pred_ms", rows[i][1]},
                      {"params", rows[i][2]},
                      {"pr.frame_acc", 50 + 5.0 * static_cast<double>(i)}};
      trials.push_back(trial);
    }
    Trial failed = small_trial(5, 77, 1);
    failed.state = TrialState::kFailed;
    failed.values.clear();
    trials.push_back(failed);
    study_.commit_generation(trials, {0, "", "", 0});
    study_.add_look(
        small_look({{trials[1].architecture, {{"pr.frame_acc", {52}}, {"params", {2e6}}}}}));
    study_.add_fresh_times({small_time(trials[1].architecture, 9.5)});
  }

  std::vector<int64_t> fitting(const std::vector<Budget>& budgets) const {
    std::vector<int64_t> numbers;
    for (const Trial& t : within_budgets(study_, budgets).fitting) numbers.push_back(t.number);
    return numbers;
  }

  Folder folder_;
  StudyFile study_;
};

TEST_F(Queries, NoBudgetGivesTheFrontBestFirst) {
  EXPECT_EQ(fitting({}), (std::vector<int64_t>{4, 2, 1, 0}));
}

TEST_F(Queries, TheBestThatFitsNeedNotBeOnTheWholeFront) {
  EXPECT_EQ(fitting({{"params", 1.5e6, {}}}), (std::vector<int64_t>{3, 0}));
  EXPECT_EQ(fitting({{"params", 2.9e6, {}}, {"latency.pred_ms", 9, {}}}),
            (std::vector<int64_t>{1, 0}));
}

TEST_F(Queries, MaximisedMetricsNeedAtLeast) {
  EXPECT_EQ(fitting({{"pr.frame_acc", 60, {}}}), (std::vector<int64_t>{4, 2, 3}));
  EXPECT_EQ(fitting({{"pr.frame_acc", 60, Bound::kAtMost}}), (std::vector<int64_t>{2, 1, 0}));
}

TEST_F(Queries, TestScoresAreOfTheFinalFrontOnly) {
  EXPECT_EQ(fitting({{"test.pr.frame_acc", 50, {}}}), (std::vector<int64_t>{1}));
  EXPECT_EQ(fitting({{"latency.p50_ms", 10, {}}}), (std::vector<int64_t>{1}));
  const auto trials = scored_trials(study_);
  EXPECT_FALSE(trials[1].values.contains("test.params"));
}

// sid.acc is neither an objective nor recorded here.
TEST_F(Queries, ATestAccuracyNeedsAtLeast) {
  const auto trials = study_.trials();
  study_.add_look(small_look({{trials[1].architecture, {{"sid.acc", {84}}, {"odd", {3}}}},
                              {trials[2].architecture, {{"sid.acc", {90}}, {"odd", {4}}}}}));
  EXPECT_EQ(fitting({{"test.sid.acc", 85, {}}}), (std::vector<int64_t>{2}));
  EXPECT_EQ(fitting({{"test.sid.acc", 85, Bound::kAtMost}}), (std::vector<int64_t>{1}));
}

TEST_F(Queries, ABudgetWithoutABoundNeedsAKnownDirection) {
  study_.add_look(small_look({{study_.trials()[1].architecture, {{"odd", {3}}}}}));
  EXPECT_EQ(fitting({{"test.odd", 3, Bound::kAtLeast}}), (std::vector<int64_t>{1}));
  try {
    fitting({{"test.odd", 3, {}}});
    FAIL();
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("write test.odd<=LIMIT or test.odd>=LIMIT"));
  }
}

// It was omitted when it equalled the dev score.
TEST_F(Queries, ATestScoreThatEqualsTheDevScoreIsShown) {
  const auto trials = study_.trials();
  study_.add_look(small_look({{trials[1].architecture, {{"pr.frame_acc", {55}}}}}));
  EXPECT_EQ(scored_trials(study_)[1].values.at("test.pr.frame_acc"), 55);
}

TEST_F(Queries, NothingFitsNamesTheNearest) {
  const std::vector<Budget> budgets = {{"params", 0.5e6, {}}};
  const BudgetAnswer answer = within_budgets(study_, budgets);
  EXPECT_TRUE(answer.fitting.empty());
  EXPECT_EQ(answer.nearest->number, 0);
  const std::vector<Budget> conflicting = {{"params", 2.8e6, {}}, {"distill.l1", 0.15, {}}};
  EXPECT_EQ(within_budgets(study_, conflicting).nearest->number, 4);  // 4 % over rather than 33 %
}

TEST_F(Queries, UnknownMetricsNameTheNearest) {
  const std::vector<Budget> budgets = {{"param", 1, {}}};
  try {
    within_budgets(study_, budgets);
    FAIL();
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("'param' (did you mean 'params'?)"));
  }
}

TEST_F(Queries, AnEmptyStudyHasNoAnswer) {
  const StudyFile empty = StudyFile::create(folder_ / "empty.db", small_header());
  EXPECT_THROW(within_budgets(empty, {}), NoAnswer);
  EXPECT_THROW(spread_front(empty, 3), NoAnswer);
}

TEST_F(Queries, SpreadTakesTheExtremesFirst) {
  const auto trials = study_.trials();
  const auto spread = spread_front(study_, 3);
  ASSERT_EQ(spread.size(), 3u);
  EXPECT_EQ(spread[0], trials[4].architecture);  // least loss
  EXPECT_EQ(spread[1], trials[0].architecture);  // least latency
  EXPECT_EQ(spread_front(study_, 100).size(), 4u);
  EXPECT_EQ(spread_front(study_, 1).size(), 1u);
}

}  // namespace
}  // namespace concertina
