#include "study/metric.h"

#include <gtest/gtest.h>

#include <set>
#include <string_view>

#include "core/errors.h"

namespace concertina {
namespace {

TEST(Metric, EachNameStandsForOne) {
  std::set<std::string_view> names;
  for (const Metric& metric : known_metrics()) {
    EXPECT_TRUE(names.insert(metric.name).second) << metric.name;
    EXPECT_EQ(find_metric(metric.name), &metric);
  }
  EXPECT_EQ(find_metric("pr.per"), nullptr);
}

TEST(Metric, AccuraciesAndAFewScoresAreMaximisedAndTheRestMinimised) {
  const std::set<std::string_view> scores = {"teacher.r2",
                                             "teacher.cka",
                                             "teacher.loyalty_label",
                                             "teacher.loyalty_prob",
                                             "teacher.loyalty_pearson",
                                             "rankme",
                                             "qbe.mtwv",
                                             "pnmi.phones",
                                             "sf.f1_wsum"};
  for (const Metric& metric : known_metrics()) {
    const bool accuracy = metric.name.find("acc") != std::string_view::npos;
    EXPECT_EQ(metric.direction == Direction::kMaximise, accuracy || scores.contains(metric.name))
        << metric.name;
  }
}

TEST(Metric, AScoreOnTestIsTheSameMetric) {
  ASSERT_NE(find_metric("test.sid.acc"), nullptr);
  EXPECT_EQ(find_metric("test.sid.acc"), find_metric("sid.acc"));
}

TEST(Metric, OnlyClocksGiveMeasuredTimes) {
  EXPECT_TRUE(is_measured_time("latency.p50_ms"));
  EXPECT_FALSE(is_measured_time("latency.pred_ms"));
  EXPECT_FALSE(is_measured_time("distill.l1"));
  EXPECT_FALSE(is_measured_time("odd"));
}

TEST(Metric, ValuesAreWrittenAndReadInTheirUnits) {
  EXPECT_EQ(metric_text("params", 1.64e6), "1.64M");
  EXPECT_EQ(metric_text("latency.pred_ms", 6.714), "6.71 ms");
  EXPECT_EQ(metric_text("test.sid.acc", 85), "85.00 %");
  EXPECT_EQ(metric_text("distill.l1", 0.18354), "0.1835");
  EXPECT_EQ(metric_text("odd", 0.18354), "0.1835");
  EXPECT_EQ(metric_number("asv.eer", 9.5), "9.50");
  EXPECT_EQ(parse_metric("params", "2M"), 2e6);
  EXPECT_EQ(parse_metric("latency.pred_ms", "15ms"), 15);
  EXPECT_EQ(parse_metric("latency.p50_ms", "15"), 15);
  EXPECT_EQ(parse_metric("test.sid.acc", "85%"), 85);
  EXPECT_EQ(parse_metric("sid.acc", "85 %"), 85);
  EXPECT_THROW(parse_metric("params", "15ms"), InputError);
}

}  // namespace
}  // namespace concertina
