#include <gmock/gmock.h>

#include <cmath>

#include "core/errors.h"
#include "report/svg.h"
#include "report/training_curve.h"
#include "tests/study/studies.h"

namespace concertina {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Chart, TicksAreRoundAndHoldTheData) {
  EXPECT_THAT(round_ticks(0.3, 9.7, 5), ElementsAre(0, 2, 4, 6, 8, 10));
  EXPECT_THAT(round_ticks(-1, 1, 4), ElementsAre(-1, -0.5, 0, 0.5, 1));
  for (const double value : {0.0, 5.0, -3e6, 1e-9}) {
    const auto ticks = round_ticks(value, value, 4);  // one value still has an axis
    EXPECT_LT(ticks.front(), value);
    EXPECT_GT(ticks.back(), value);
  }
}

TEST(Chart, SkipsNonFiniteValuesAndEscapesText) {
  const ChartAxis axis{"a <b>", [](double) { return std::string("t"); }};
  Chart chart{"c & d",
              axis,
              axis,
              {{"line", {{0, 1}, {1, std::nan("")}, {2, 3}}, ""}},
              {{1, INFINITY, "m", "", 3}, {1, 2, "m", "<tip>", 3}}};
  const std::string svg = render_chart(chart);
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg, Not(HasSubstr("inf")));
  EXPECT_THAT(svg, HasSubstr("&lt;tip&gt;"));
  EXPECT_THAT(svg, HasSubstr("a &lt;b&gt;"));
  EXPECT_THAT(svg, HasSubstr("c &amp; d"));
  EXPECT_EQ(render_chart({"", axis, axis, {}, {}}), "");
}

class Curves : public ::testing::Test {
 protected:
  TrainingCurve read(const std::string& text) const {
    std::ofstream(folder_ / "metrics.jsonl") << text;
    return read_training_curve(folder_ / "metrics.jsonl", "teacher");
  }
  Folder folder_;
};

TEST_F(Curves, JoinsLossAndValidationByStep) {
  const TrainingCurve curve = read(R"({"step":10,"loss":3.5,"terms":{"a":1}}
{"step":20,"loss":3.0}
{"step":20,"validation":{"largest":2.9,"smallest":4.0}}
{"step":25,"validation":{"largest":2.8}}
)");
  EXPECT_THAT(curve.step, ElementsAre(10, 20, 25));
  EXPECT_EQ(curve.loss[1], 3.0);
  EXPECT_TRUE(std::isnan(curve.loss[2]));
  ASSERT_EQ(curve.validation.size(), 2u);
  EXPECT_EQ(curve.validation[0].first, "largest");
  EXPECT_TRUE(std::isnan(curve.validation[0].second[0]));
  EXPECT_EQ(curve.validation[0].second[1], 2.9);
  EXPECT_EQ(curve.validation[0].second[2], 2.8);
}

TEST_F(Curves, ATruncatedLastLineIsIgnored) {
  EXPECT_THAT(read("{\"step\":1,\"loss\":2}\n{\"step\":2,\"lo").step, ElementsAre(1));
}

TEST_F(Curves, OtherTextIsAnErrorWithItsLine) {
  try {
    read("{\"step\":1,\"loss\":2}\nhello\n{\"step\":2,\"loss\":1}\n");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("metrics.jsonl:2"));
  }
}

}  // namespace
}  // namespace concertina
