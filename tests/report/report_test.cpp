#include "report/report.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <regex>

#include "core/errors.h"
#include "search/run_study.h"
#include "study/front_members.h"
#include "study/latency/model.h"
#include "study/queries.h"
#include "tests/search/formulas.h"
#include "tests/study/many_trials.h"

namespace concertina {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::vector<Budget> budgets() {
  return {{"params", 2e6, {}}, {"macs", 1.5e8, {}}, {"params", 10, {}}};
}

// A study with all kinds of data, and names that need escaping.
StudyFile full_study(const std::filesystem::path& path) {
  StudyHeader header = formula_header();
  header.model = R"({"path":"it's <b>.safetensors","sha256":"00"})";
  header.device = "CPU <script>alert(1)</script> & \"co\"";
  header.config = "search: {trials: 60} # </pre><script>";
  StudyFile study = StudyFile::create(path, header);
  const SearchSpace space = pocket_space();
  SearcherOptions options;
  options.population = 20;
  options.objectives = header.objectives;
  FormulaEvaluator evaluator;
  evaluator.fail_every_ = 25;
  run_study(space, *make_searcher(options, space), evaluator, *make_tbb_executor(1), study, {200},
            {});

  std::vector<LatencyPoint> points;
  Rng rng(3);
  for (int i = 0; i < 30; ++i) {
    const Architecture a = space.sample(rng);
    const double ms = (1.5 + static_cast<double>(cost_of(space.blueprint(), a, 64000).macs) / 4e7) *
                      rng.uniform(0.97, 1.03);
    points.push_back({a, "CPU", 1, 4.0, "fp32", 20, ms, ms, ms, 0.1});
  }
  study.add_latency_points(points);
  const LatencyModel model = LatencyModel::fit(space.blueprint(), points);
  study.set_latency_model({model.to_json(), model.sha256()});
  std::vector<FrontScore> scores;
  std::vector<FreshTime> times;
  for (const Architecture& a : named_members(study, 8, budgets())) {
    scores.push_back({a, {{"pr.frame_acc", {55.5, 54.25, 56.75, "layer 1, shrinkage 0.001"}}}});
    const double ms = model.predict_ms(a) * 1.01;
    times.push_back({"2026-01-31T12:00:00Z", {a, "CPU", 1, 4.0, "fp32", 20, ms, ms, ms, 0.1}});
  }
  study.add_look(small_look(scores));
  study.add_fresh_times(times);
  return study;
}

ReportInputs full_inputs() {
  ReportInputs inputs;
  inputs.title = "A <study> & more";
  inputs.budgets = budgets();
  inputs.curves = {{"teacher", {1, 2, 3}, {3, 2.5, 2.25}, {{"largest", {std::nan(""), 2.4, 2.2}}}}};
  inputs.tables = {{"Scores <on test>",
                    {"model", "pr.frame_acc"},
                    {{"teacher", "61.2"}, {"<mfcc>", "52.0"}},
                    "random wins"}};
  const ShapePoint wide{.architecture = "e=256 p=20000 L=0-1:2x512",
                        .depth = 2,
                        .width = 256,
                        .params = 1'000'000,
                        .value = 60.5,
                        .low = 59,
                        .high = 62};
  ShapePoint deep = wide;
  deep.depth = 6, deep.width = 96, deep.value = 63;
  deep.difference = 2.5, deep.difference_low = 1.25, deep.difference_high = std::nan("");
  inputs.depth_width =
      DepthWidth{1'000'000, 2, wide.architecture, {{"content", "pr.frame_acc", {wide, deep}}}};
  inputs.trained = {{"stage <1>", "stage1:\n  steps: 460\n"}};
  return inputs;
}

class Report : public ::testing::Test {
 protected:
  Report() : study_(full_study(folder_ / "s.db")), page_(render_report(study_, full_inputs())) {}
  Folder folder_;
  StudyFile study_;
  std::string page_;
};

TEST_F(Report, ShowsWhatRan) {
  EXPECT_THAT(page_, HasSubstr("Trained: stage &lt;1&gt;"));
  EXPECT_THAT(page_, HasSubstr("steps: 460"));
}

TEST_F(Report, SaysThatTwoShapesAreFew) {
  EXPECT_THAT(page_, HasSubstr("over clips. 2 shapes, fewer than 6: "));
}

TEST_F(Report, EscapesEveryName) {
  EXPECT_THAT(page_, Not(HasSubstr("<script")));
  EXPECT_THAT(page_, Not(HasSubstr("<mfcc>")));
  EXPECT_THAT(page_, Not(HasSubstr("<on test>")));
  EXPECT_THAT(page_, HasSubstr("A &lt;study&gt; &amp; more"));
  // Quoted for the shell, then for HTML.
  EXPECT_THAT(page_, HasSubstr("it&#39;\\&#39;&#39;s &lt;b&gt;.safetensors"));
}

TEST_F(Report, NeedsNothingFromElsewhere) {
  for (const char* word : {"http:", "https:", "src=", "href=", "@import", "url(", "<script"})
    EXPECT_THAT(page_, Not(HasSubstr(word))) << word;
}

TEST_F(Report, TagsAreBalanced) {
  std::vector<std::string> open;
  const std::regex tag(R"(<(/?)([a-z0-9]+)[^<>]*?(/?)>)");
  for (std::sregex_iterator it(page_.begin(), page_.end(), tag), end; it != end; ++it) {
    const std::string name = (*it)[2];
    if ((*it)[3] == "/" || name == "meta") continue;
    if ((*it)[1] != "/") {
      open.push_back(name);
      continue;
    }
    ASSERT_FALSE(open.empty()) << name;
    EXPECT_EQ(open.back(), name);
    open.pop_back();
  }
  EXPECT_TRUE(open.empty());
}

TEST_F(Report, ShowsFrontChoicesAndMeasurements) {
  for (const char* words : {"pr.frame_acc on test",
                            "55.50 [54.25, 56.75]",
                            "(layer 1, shrinkage 0.001)",
                            "the prediction is off by <b>-1.0 %</b>",
                            "CPU, 1 thread, 4 s of audio, fp32",
                            "<dt>evaluations on test</dt><dd>1</dd>",
                            "latency.p50_ms (ms)",
                            "params ≤ 2M",
                            "concertina extract",
                            "none fits, the nearest is",
                            "on held-out subnets",
                            "Predicted against measured latency",
                            "Dominated hypervolume",
                            "teacher: loss over steps",
                            "Deep versus wide",
                            "content: pr.frame_acc",
                            "2 layers of 256",
                            "6 layers of 96",
                            "60.50 (59.00 to 62.00)",
                            "2.50 (1.25 to –)",
                            "layers per 100 channels",
                            "200 (8 failed)",
                            "its reference point",
                            "random wins"}) {
    EXPECT_THAT(page_, HasSubstr(words)) << words;
  }
  const std::vector<Budget> budget = {{"params", 2e6, {}}};
  EXPECT_THAT(page_, HasSubstr(within_budgets(study_, budget).fitting[0].architecture.key()));
}

TEST_F(Report, SaysWhatAChosenSubnetLacks) {
  EXPECT_THAT(page_, Not(HasSubstr("not scored on test")));
  study_.add_look(small_look({}, "other settings"));
  const std::string page = render_report(study_, full_inputs());
  EXPECT_THAT(page, HasSubstr("<b>not scored on test</b>"));
  EXPECT_THAT(page, HasSubstr("<dt>evaluations on test</dt><dd>2</dd>"));
}

TEST_F(Report, ShowsTheCorrectionOfTheLatencyModel) {
  EXPECT_THAT(page_, Not(HasSubstr("outside the prediction")));
  study_.add_latency_check({"2026-01-31T12:00:00Z", 6, 6, 1.25});
  const std::string page = render_report(study_, full_inputs());
  EXPECT_THAT(page, HasSubstr("Of 6 measured latencies of the front, 6 lie outside"));
  EXPECT_THAT(page, HasSubstr("predictions times 1.250"));
}

// A profile after the search does not change the error of the model that the search used.
TEST_F(Report, QuotesTheFrozenModelsOwnError) {
  const LatencyModel model = LatencyModel::from_json(study_.latency_model()->json);
  const std::string quoted =
      fmt::format("Latency model: {:.1f} % error", 100 * model.held_out()->mape);
  EXPECT_THAT(page_, HasSubstr(quoted));
  std::vector<LatencyPoint> later = study_.latency_points();
  Rng rng(9);
  for (LatencyPoint& p : later) p.p50_ms = rng.uniform(5, 500);
  study_.add_latency_points(later);
  EXPECT_THAT(render_report(study_, full_inputs()), HasSubstr(quoted));
}

TEST_F(Report, IsTheSameEveryTime) { EXPECT_EQ(page_, render_report(study_, full_inputs())); }

int64_t count_of(const std::string& text, const std::string& part) {
  int64_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(ReportOfThreeObjectives, HasAFrontForEachCost) {
  const Folder folder;
  StudyHeader header = formula_header();
  header.objectives.push_back(header.recorded.at(0));
  header.recorded.clear();
  StudyFile study = StudyFile::create(folder / "s.db", header);
  const SearchSpace space = pocket_space();
  SearcherOptions options;
  options.population = 20;
  options.objectives = header.objectives;
  run_study(space, *make_searcher(options, space), FormulaEvaluator(), *make_tbb_executor(1), study,
            {60}, {});
  const std::string page = render_report(study, {});
  EXPECT_EQ(count_of(page, "All trials and the Pareto front"), 2);
  EXPECT_EQ(count_of(page, "class=\"front-line\""), 2);
  EXPECT_THAT(page, HasSubstr(">macs<"));
  EXPECT_THAT(page, HasSubstr(">params<"));
}

TEST(LongReport, APageOfAHundredThousandTrialsStaysSmall) {
  const Folder folder;
  const StudyFile study = made_up_study(folder / "s.db", 100'000);
  ReportInputs inputs;
  inputs.budgets = {{"params", 1.5e5, {}}, {"params", 1.2e5, {}}};
  const std::string page = render_report(study, inputs);
  EXPECT_LT(page.size(), 3'000'000u);
  EXPECT_THAT(page, HasSubstr("<dd>100000</dd>"));
  EXPECT_THAT(page, HasSubstr("params ≤ 150k"));
}

TEST(LongReport, ReadsTheTrialsOnce) {
  const Folder folder;
  made_up_study(folder / "s.db", 100);
  ReportInputs inputs;
  inputs.budgets = {{"params", 1.5e5, {}}, {"params", 1.2e5, {}}};
  EXPECT_EQ(
      statements_with("FROM trial t",
                      [&] { render_report(StudyFile::open_read_only(folder / "s.db"), inputs); }),
      1);
}

TEST(EmptyReport, AStudyThatHasOnlyBegunHasAPage) {
  const Folder folder;
  const StudyFile study = StudyFile::create(folder / "s.db", formula_header());
  EXPECT_THAT(render_report(study, {}), HasSubstr("No trial is complete yet"));
}

}  // namespace
}  // namespace concertina
