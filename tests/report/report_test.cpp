#include "report/report.h"

#include <gmock/gmock.h>

#include <regex>

#include "core/errors.h"
#include "search/latency_model.h"
#include "tests/search/formulas.h"

namespace concertina {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A study with everything in it, and names that would break a careless page.
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
  for (const Architecture& a : spread_front(study, 8))
    scores.push_back({a, {{"pr.frame_acc", 55.5}, {"latency.p50_ms", model.predict_ms(a) * 1.01}}});
  study.set_front(scores);
  return study;
}

ReportInputs full_inputs() {
  ReportInputs inputs;
  inputs.title = "A <study> & more";
  inputs.budgets = {{"params", 2e6, {}}, {"macs", 1.5e8, {}}, {"params", 10, {}}};
  inputs.curves = {{"teacher", {1, 2, 3}, {3, 2.5, 2.25}, {{"largest", {std::nan(""), 2.4, 2.2}}}}};
  inputs.tables = {
      {"Scores <on test>", {"model", "pr.frame_acc"}, {{"teacher", "61.2"}, {"<mfcc>", "52.0"}}}};
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

TEST_F(Report, EscapesEveryName) {
  EXPECT_THAT(page_, Not(HasSubstr("<script")));
  EXPECT_THAT(page_, Not(HasSubstr("<mfcc>")));
  EXPECT_THAT(page_, Not(HasSubstr("<on test>")));
  EXPECT_THAT(page_, HasSubstr("A &lt;study&gt; &amp; more"));
  EXPECT_THAT(
      page_,
      HasSubstr(
          "it&#39;\\&#39;&#39;s &lt;b&gt;.safetensors"));  // quoted for the shell, then for HTML
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
  for (const char* words :
       {"pr.frame_acc on test", "latency.p50_ms (ms)", "params ≤ 2M", "concertina extract",
        "none fits, the nearest is", "on held-out subnets", "Predicted against measured latency",
        "Dominated hypervolume", "teacher: loss over steps", "200 (8 failed)"}) {
    EXPECT_THAT(page_, HasSubstr(words)) << words;
  }
  const std::vector<Budget> budget = {{"params", 2e6, {}}};
  EXPECT_THAT(page_, HasSubstr(within_budgets(study_, budget).fitting[0].architecture.key()));
}

TEST_F(Report, IsTheSameEveryTime) { EXPECT_EQ(page_, render_report(study_, full_inputs())); }

TEST(EmptyReport, AStudyThatHasOnlyBegunHasAPage) {
  const Folder folder;
  const StudyFile study = StudyFile::create(folder / "s.db", formula_header());
  EXPECT_THAT(render_report(study, {}), HasSubstr("No trial is complete yet"));
}

}  // namespace
}  // namespace concertina
