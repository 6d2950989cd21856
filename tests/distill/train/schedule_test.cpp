#include "distill/train/schedule.h"

#include <gtest/gtest.h>

#include <cmath>

namespace concertina {
namespace {

constexpr int64_t kSteps = 100;

class Schedules : public ::testing::Test {
 protected:
  void SetUp() override {
    options.lr = 2;
    options.warmup = 0.1;
    options.decay = 0.4;
    options.final_lr = 0.01;
  }
  // Of the n-th step (1-based), as a share of the peak.
  double share(LrSchedule schedule, int64_t n) {
    options.schedule = schedule;
    return learning_rate(options, n - 1, kSteps) / 2;
  }
  OptimizerOptions options;
};

TEST_F(Schedules, AllButTheRangeTestWarmUpLinearly) {
  for (const LrSchedule schedule :
       {LrSchedule::kLinear, LrSchedule::kCosine, LrSchedule::kInverseSqrt, LrSchedule::kTriStage,
        LrSchedule::kConstant}) {
    for (const int64_t n : {1, 4, 10}) {
      EXPECT_NEAR(share(schedule, n), static_cast<double>(n) / 10, 1e-12) << enum_name(schedule);
    }
  }
}

TEST_F(Schedules, Linear) {
  EXPECT_NEAR(share(LrSchedule::kLinear, 55), 0.505, 1e-12);
  EXPECT_NEAR(share(LrSchedule::kLinear, 100), 0.01, 1e-12);
}

TEST_F(Schedules, Cosine) {
  EXPECT_NEAR(share(LrSchedule::kCosine, 55), 0.505, 1e-12);
  EXPECT_NEAR(share(LrSchedule::kCosine, 40), 0.01 + 0.99 * 0.75, 1e-12);  // a third: cos is 1/2
  EXPECT_NEAR(share(LrSchedule::kCosine, 100), 0.01, 1e-12);
}

TEST_F(Schedules, InverseSquareRoot) {
  EXPECT_NEAR(share(LrSchedule::kInverseSqrt, 40), 0.5, 1e-12);
  EXPECT_NEAR(share(LrSchedule::kInverseSqrt, 90), 1.0 / 3, 1e-12);
}

TEST_F(Schedules, TriStageHoldsAndDecaysExponentially) {
  EXPECT_EQ(share(LrSchedule::kTriStage, 60), 1);
  EXPECT_NEAR(share(LrSchedule::kTriStage, 80), 0.1, 1e-12);
  EXPECT_NEAR(share(LrSchedule::kTriStage, 100), 0.01, 1e-12);
}

TEST_F(Schedules, ConstantHoldsAndDecaysLinearly) {
  EXPECT_EQ(share(LrSchedule::kConstant, 60), 1);
  EXPECT_NEAR(share(LrSchedule::kConstant, 80), 0.505, 1e-12);
  EXPECT_NEAR(share(LrSchedule::kConstant, 100), 0.01, 1e-12);
  options.decay = 0;
  EXPECT_EQ(share(LrSchedule::kConstant, 100), 1);
}

TEST_F(Schedules, TheDecayOfALongerRunStartsLater) {
  options.schedule = LrSchedule::kConstant;
  options.warmup = 0.05;
  for (int64_t step = 10; step < 60; ++step) {
    EXPECT_EQ(learning_rate(options, step, 100), learning_rate(options, step, 200));
  }
  EXPECT_LT(learning_rate(options, 70, 100), learning_rate(options, 70, 200));
}

TEST_F(Schedules, RangeTestRisesByEqualFactors) {
  EXPECT_NEAR(share(LrSchedule::kRangeTest, 50), 1e-2, 1e-12);
  EXPECT_NEAR(share(LrSchedule::kRangeTest, 100), 1, 1e-12);
  const double factor = share(LrSchedule::kRangeTest, 2) / share(LrSchedule::kRangeTest, 1);
  EXPECT_NEAR(std::pow(factor, 99), 1 / share(LrSchedule::kRangeTest, 1), 1e-6);
}

}  // namespace
}  // namespace concertina
