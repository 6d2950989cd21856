#include "study/front_results.h"

#include <gmock/gmock.h>

#include <cmath>

#include "study/front_members.h"
#include "study/latency/check.h"
#include "study/queries.h"
#include "supernet/space/cost.h"
#include "tests/study/studies.h"

namespace concertina {
namespace {

using ::testing::Contains;
using ::testing::DoubleNear;

// A study whose latency.pred_ms is its model's prediction, of a machine with 40 GMAC/s and some
// noise.
class FrontResultsTest : public ::testing::Test {
 protected:
  FrontResultsTest() : study_(StudyFile::create(folder_ / "s.db", small_header())), model_(fit()) {
    study_.set_latency_model({model_.to_json(), model_.sha256()});
    Rng rng(4);
    std::vector<Trial> trials;
    for (int64_t i = 0; i < 40; ++i) {
      Trial trial = small_trial(i, 100 + static_cast<uint64_t>(i), 1);
      trial.values = {{"distill.l1", formula_loss(trial.architecture)},
                      {"latency.pred_ms", model_.predict_ms(trial.architecture)}};
      trials.push_back(trial);
    }
    study_.commit_generation(trials, {0, "", "", 0});
    front_ = within_budgets(study_, {}).fitting;
  }

  static LatencyModel fit() {
    const SearchSpace space = pocket_space();
    Rng rng(3);
    std::vector<LatencyPoint> points;
    for (int i = 0; i < 60; ++i) {
      const Architecture net = space.sample(rng);
      const auto macs = static_cast<double>(cost_of(space.blueprint(), net, 64000).macs);
      const double ms = (1.5 + macs / 4e7) * rng.uniform(0.95, 1.05);
      points.push_back({net, "a CPU", 1, 4.0, "fp32", 20, ms, ms, ms, 0});
    }
    return LatencyModel::fit(space.blueprint(), points);
  }

  std::vector<LatencyPoint> times(double ratio, int64_t count) const {
    std::vector<LatencyPoint> all;
    for (int64_t i = 0; i < count; ++i) {
      const Architecture& net = front_[static_cast<size_t>(i)].architecture;
      all.push_back(small_time(net, model_.predict_ms(net) * ratio).time);
    }
    return all;
  }

  Folder folder_;
  StudyFile study_;
  LatencyModel model_;
  std::vector<Trial> front_;
};

TEST_F(FrontResultsTest, NamesWhatIsMissing) {
  const SubnetResults none = front_results(study_).of(front_[0].architecture);
  EXPECT_FALSE(none.complete());
  EXPECT_FALSE(none.prediction_error);
  EXPECT_EQ(none.predicted_ms, front_[0].values.at("latency.pred_ms"));
  study_.add_look(small_look({{front_[0].architecture, {{"sid.acc", {85, 84, 86, "layer 1"}}}}}));
  EXPECT_FALSE(front_results(study_).of(front_[0].architecture).complete());
  study_.add_fresh_times({small_time(front_[0].architecture, 9)});
  const SubnetResults all = front_results(study_).of(front_[0].architecture);
  EXPECT_TRUE(all.complete());
  EXPECT_EQ(all.test.at("sid.acc").high, 86);
  EXPECT_FALSE(front_results(study_).of(front_[1].architecture).complete());
}

TEST_F(FrontResultsTest, ThePredictionsErrorHasASign) {
  const Architecture net = front_[0].architecture;
  study_.add_fresh_times({small_time(net, model_.predict_ms(net) * 1.25)});
  EXPECT_THAT(front_results(study_).of(net).prediction_error.value(), DoubleNear(-0.2, 1e-12));
  study_.add_fresh_times({small_time(net, model_.predict_ms(net) * 1.25, /*threads=*/2)});
  EXPECT_FALSE(front_results(study_).of(net).prediction_error);  // another workload
}

TEST_F(FrontResultsTest, ScoresOfOtherSettingsDoNotCount) {
  const Architecture a = front_[0].architecture, b = front_[1].architecture;
  study_.add_look(small_look({{a, {{"sid.acc", {85}}}}, {b, {{"sid.acc", {86}}}}}));
  study_.add_look(small_look({{a, {{"sid.acc", {70}}}}}, "other settings"));
  const FrontResults results = front_results(study_);
  EXPECT_EQ(results.of(a).test.at("sid.acc").value, 70);
  EXPECT_TRUE(results.of(b).test.empty());
  EXPECT_EQ(results.looks, 2);
}

TEST_F(FrontResultsTest, ALaterLookAddsMembers) {
  study_.add_look(small_look({{front_[0].architecture, {{"sid.acc", {85}}}}}));
  study_.add_look(small_look({{front_[1].architecture, {{"sid.acc", {86}}}}}));
  EXPECT_EQ(front_results(study_).of(front_[0].architecture).test.at("sid.acc").value, 85);
  EXPECT_EQ(front_results(study_).of(front_[1].architecture).test.at("sid.acc").value, 86);
}

// A limit on the time includes the model's own error, or the margin that is given.
TEST_F(FrontResultsTest, ATimeBudgetHasAMargin) {
  const double high = model_.held_out()->high;
  ASSERT_GT(high, 1.01);
  const Trial& second = front_[1];
  const double exact = second.values.at("latency.pred_ms");
  const auto best = [&](const Budget& budget) {
    return within_budgets(study_, {&budget, 1}).fitting.front().number;
  };
  EXPECT_EQ(best({"latency.pred_ms", exact, {}}), second.number);
  EXPECT_EQ(best(time_budget(exact, 0.0)), second.number);
  EXPECT_NE(best(time_budget(exact)), second.number);
  EXPECT_EQ(best(time_budget(exact * high * 1.0001)), second.number);
  EXPECT_NE(best(time_budget(exact * 1.49, 0.5)), second.number);
  EXPECT_EQ(best(time_budget(exact * 1.51, 0.5)), second.number);
}

TEST_F(FrontResultsTest, TimesInsideTheIntervalCorrectNothing) {
  ASSERT_GE(front_.size(), 4u);
  const LatencyCheck check = check_latency(model_, times(1.001, 4));
  EXPECT_EQ(check.times, 4);
  EXPECT_EQ(check.outside, 0);
  EXPECT_EQ(check.scale, 1);
}

TEST_F(FrontResultsTest, TimesInOneDirectionCorrectTheModel) {
  const LatencyCheck check = check_latency(model_, times(1.3, 4));
  EXPECT_EQ(check.outside, 4);
  EXPECT_THAT(check.scale, DoubleNear(1.3, 1e-12));
  study_.add_latency_check(check);
  const Architecture& net = front_[1].architecture;
  const SubnetResults subnet = front_results(study_).of(net);
  EXPECT_THAT(*subnet.corrected_ms, DoubleNear(1.3 * *subnet.predicted_ms, 1e-9));
  // The stored values do not change; a budget on the time uses the correction.
  EXPECT_EQ(study_.trials()[static_cast<size_t>(front_[1].number)].values.at("latency.pred_ms"),
            *subnet.predicted_ms);
  const Budget budget = time_budget(*subnet.predicted_ms * 1.29, 0.0);
  EXPECT_NE(within_budgets(study_, {&budget, 1}).fitting.front().number, front_[1].number);
}

TEST_F(FrontResultsTest, OneTimeOutsideIsChance) {
  std::vector<LatencyPoint> mixed = times(1, 3);
  mixed.push_back(mixed[0]);
  mixed.back().p50_ms *= 2;
  EXPECT_EQ(check_latency(model_, mixed).outside, 1);
  EXPECT_EQ(check_latency(model_, mixed).scale, 1);
  for (LatencyPoint& time : mixed) time.threads = 2, time.p50_ms *= 2;
  EXPECT_EQ(check_latency(model_, mixed).times, 0);  // the model is of one thread
}

TEST(ChanceOfAtLeast, KnownValues) {
  EXPECT_NEAR(chance_of_at_least(1, 1, 0.1), 0.1, 1e-12);
  EXPECT_NEAR(chance_of_at_least(1, 3, 0.1), 1 - 0.729, 1e-12);
  EXPECT_NEAR(chance_of_at_least(2, 2, 0.1), 0.01, 1e-12);
  EXPECT_NEAR(chance_of_at_least(0, 5, 0.1), 1, 1e-12);
}

// The answers of the budgets, --best and --knee need scores too, besides the spread members.
TEST_F(FrontResultsTest, EveryNamedMemberIsToBeScored) {
  const std::vector<Budget> budgets = {
      time_budget(front_[front_.size() / 2].values.at("latency.pred_ms")),
      {"latency.pred_ms", 1e-3, {}}};
  const std::vector<Architecture> named = named_members(study_, 2, budgets);
  EXPECT_THAT(named, Contains(front_[0].architecture));
  EXPECT_THAT(named, Contains(knee_of(study_.header(), front_).architecture));
  const BudgetAnswer fits = within_budgets(study_, {budgets.data(), 1});
  EXPECT_THAT(named, Contains(fits.fitting.front().architecture));
  EXPECT_THAT(named, Contains(within_budgets(study_, {&budgets[1], 1}).nearest->architecture));
  for (const Architecture& spread : spread_front(study_, 2)) EXPECT_THAT(named, Contains(spread));
}

}  // namespace
}  // namespace concertina
