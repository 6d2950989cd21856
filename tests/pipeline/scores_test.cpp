#include "pipeline/scores.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <map>

#include "core/errors.h"
#include "core/files.h"
#include "pipeline/paired_scores.h"
#include "pipeline/proxy_score.h"
#include "pipeline/score_page.h"
#include "pipeline/score_table.h"
#include "pipeline/superb_results.h"
#include "tests/pipeline/fixtures.h"

namespace concertina {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TaskScore accuracy(const std::string& metric, std::vector<double> hits) {
  TaskScore score{.metric = metric, .value = 0, .low = 10, .high = 90, .setting = "layer 1"};
  score.totals.assign(hits.size(), 1.0);
  score.value = 100 * hit_rate(hits, score.totals);
  score.hits = std::move(hits);
  score.layers = {40, 50.5};
  return score;
}

TaskScore error_rate(double shift) {
  TaskScore score{.metric = "asv.eer", .value = 25, .low = 20, .high = 30, .setting = "layer 0"};
  for (int64_t i = 0; i < 8; ++i)
    score.trials.push_back(
        {i % 3, 3 + i % 2, i % 2 == 0, 0.5 * static_cast<double>(i) + (i % 2 == 0 ? shift : 0)});
  score.trial_clips = 5;
  return score;
}

Scores two_models() {
  Scores scores{.split = Split::kTest, .seed = 3, .data = "0123456789abcdef", .fidelity = 0.5};
  scores.tasks = {{.task = "ks",
                   .content = "4 keywords",
                   .training_clips = 12,
                   .scored_clips = 4,
                   .training_seconds = 90,
                   .scored_seconds = 6,
                   .scored_ids = {"a", "b", "c", "d"}}};
  scores.left_out = {{"pr", "no clip has phones"}};
  scores.models = {{"model", "e=64", 1500000, {accuracy("ks.acc", {1, 1, 1, 0}), error_rate(4)}},
                   {"random", "e=64", 1500000, {accuracy("ks.acc", {1, 1, 1, 1}), error_rate(0)}}};
  scores.models[0].scores.push_back(
      {.metric = "teacher.r2", .value = 0.25, .low = kNan, .high = kNan, .setting = ""});
  return scores;
}

class ScoresFile : public testing::InFolder {};

TEST_F(ScoresFile, ComesBackAsItWasWritten) {
  const Scores scores = two_models();
  for (const ClipScores clips : {ClipScores::kListed, ClipScores::kNone}) {
    const std::string text = to_json(scores, clips);
    write_atomically(folder_ / "scores.json", text);
    EXPECT_EQ(to_json(read_scores(folder_ / "scores.json"), clips), text);
  }
  const Scores without = read_scores(folder_ / "scores.json");
  EXPECT_TRUE(without.models[0].scores[0].hits.empty());
  EXPECT_TRUE(without.tasks[0].scored_ids.empty());
  EXPECT_TRUE(std::isnan(without.models[0].scores[2].low));
}

TEST_F(ScoresFile, OfEarlierVersionsAreReadAndOthersAreErrors) {
  write_atomically(folder_ / "old.json",
                   R"({"split": "test", "models": [{"name": "m", "params": 1, "architecture": "",
                      "scores": [{"metric": "ks.acc", "value": 1, "low": 0, "high": 2, "setting": "s"}]}]})");
  EXPECT_EQ(read_scores(folder_ / "old.json").models[0].scores[0].value, 1);
  for (const char* text :
       {"[]", "{}", "text", R"({"models": [{}]})", R"({"split": "all", "models": []})"}) {
    write_atomically(folder_ / "bad.json", text);
    EXPECT_THROW(read_scores(folder_ / "bad.json"), InputError) << text;
  }
  write_atomically(folder_ / "bad.json", "# Scores\n");
  try {
    read_scores(folder_ / "bad.json");
    FAIL() << "expected an InputError";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("not JSON, from byte 1"));
  }
  Scores scores = two_models();
  scores.models[0].scores[1].trials[0].first = 5;
  write_atomically(folder_ / "bad.json", to_json(scores, ClipScores::kListed));
  EXPECT_THROW(read_scores(folder_ / "bad.json"), InputError);
}

TEST(ScoreTable, HasEveryMetricAndSaysWhatWasMeasured) {
  const Scores scores = two_models();
  const ReportTable table = score_table(scores);
  EXPECT_THAT(table.columns, ElementsAre("model", "params", "ks.acc", "asv.eer", "teacher.r2"));
  EXPECT_THAT(table.rows[0],
              ElementsAre("model", "1.5M", "75.0 [10.0, 90.0]", "25.0 [20.0, 30.0]", "0.25"));
  EXPECT_EQ(table.rows[1].back(), "-");
  EXPECT_THAT(measured_lines(scores),
              ElementsAre("ks: 4 keywords; train 12 clips, 1.5 min; test 4 clips, 0.1 min",
                          "pr: left out, no clip has phones"));
  EXPECT_THAT(control_note(scores),
              HasSubstr("no worse than model in ks.acc (100.00 % against 75.00 %) and asv.eer"));
  const std::string text = score_text(scores);
  EXPECT_THAT(text, HasSubstr("\nasv.eer     25.0 [20.0, 30.0]"));  // two models, five columns
  EXPECT_THAT(text, HasSubstr(measured_lines(scores)[1]));
}

TEST(ScorePage, HasTheTableTheClipsAndACurveOfLayers) {
  const std::string page = score_page(two_models(), "Scores");
  EXPECT_THAT(page, HasSubstr("75.0 [10.0, 90.0]"));
  EXPECT_THAT(page, HasSubstr("4 keywords"));
  EXPECT_THAT(page, HasSubstr("left out: no clip has phones"));
  EXPECT_THAT(page, HasSubstr("model: layer 1, 50.5"));
}

Scores with_anchors() {
  Scores scores;
  scores.tasks = {{.task = "ks"}, {.task = "asv"}};
  const auto model = [](const std::string& name, double ks, double ridge, double eer) {
    return ScoredModel{name,
                       "",
                       0,
                       {{.metric = "ks.acc", .value = ks},
                        {.metric = "ks.acc_ridge", .value = ridge},
                        {.metric = "asv.eer", .value = eer},
                        {.metric = "teacher.r2", .value = 1}}};
  };
  scores.models = {model("m", 60, 80, 25), model("teacher", 70, 90, 20), model("mfcc", 0, 0, 50),
                   model("fbank", 50, 95, 30)};
  return scores;
}

TEST(ProxyScore, IsBetweenFbankAndTheTeacherWhereTheTeacherIsBetter) {
  const auto proxy = proxy_scores(with_anchors());
  ASSERT_TRUE(proxy);
  EXPECT_EQ(proxy->baseline, "fbank");
  EXPECT_THAT(proxy->metrics, ElementsAre("ks.acc", "asv.eer"));
  EXPECT_THAT(proxy->left_out, ElementsAre("ks.acc_ridge"));
  EXPECT_NEAR(proxy->of_models[0].value(), 500, 1e-9);
  EXPECT_NEAR(proxy->of_models[1].value(), 1000, 1e-9);
  EXPECT_NEAR(proxy->of_models[2].value(), 1000 * (-2.5 - 2) / 2, 1e-9);
  EXPECT_NEAR(proxy->of_models[3].value(), 0, 1e-9);
  EXPECT_THAT(score_table(with_anchors()).rows[0].back(), "500");
  EXPECT_THAT(
      score_text(with_anchors()),
      HasSubstr("without ks.acc_ridge, where the teacher is not clearly better than fbank"));
  EXPECT_THAT(to_json(with_anchors()), HasSubstr("\"baseline\": \"fbank\""));
}

TEST(ProxyScore, LeavesOutWhereTheTeacherIsBetterByChance) {
  Scores scores = with_anchors();
  TaskScore& of_teacher = scores.models[1].scores[0];  // ks.acc 70, of fbank 50
  TaskScore& of_fbank = scores.models[3].scores[0];
  of_teacher.low = 61;
  of_teacher.high = 79;
  of_fbank.low = 40;
  of_fbank.high = 60;
  EXPECT_THAT(proxy_scores(scores)->metrics, ElementsAre("ks.acc", "asv.eer"));
  of_fbank.high = 62;
  EXPECT_THAT(proxy_scores(scores)->metrics, ElementsAre("asv.eer"));
  EXPECT_THAT(proxy_scores(scores)->left_out, ElementsAre("ks.acc", "ks.acc_ridge"));
  EXPECT_NEAR(proxy_scores(scores)->of_models[0].value(), 500, 1e-9);
  TaskScore& error = scores.models[1].scores[2];  // asv.eer 20, of fbank 30
  error.low = 10;
  error.high = 31;
  EXPECT_FALSE(proxy_scores(scores)->of_models[0]);
  EXPECT_THAT(score_text(scores), HasSubstr("proxy_s is left out: in no metric is the teacher"));
  EXPECT_EQ(score_table(scores).columns.back(), "teacher.r2");
}

TEST(ProxyScore, NeedsBothModelsAndAMetric) {
  Scores scores = with_anchors();
  scores.models.pop_back();
  EXPECT_EQ(proxy_scores(scores)->baseline, "mfcc");
  scores.models[0].scores.pop_back();
  scores.models[0].scores.pop_back();
  EXPECT_FALSE(proxy_scores(scores)->of_models[0]);
  scores.tasks.clear();
  EXPECT_FALSE(proxy_scores(scores));
  EXPECT_FALSE(proxy_scores(two_models()));
}

using SuperbFile = ScoresFile;

TEST_F(SuperbFile, IsReadFromTsvAndJson) {
  write_atomically(folder_ / "r.tsv", "model\tPR\tQbE\tSF-F1\na b\t5.41\t-\t88.5\n\nc\t6\t0.07\n");
  const auto tsv = read_superb_results(folder_ / "r.tsv");
  ASSERT_EQ(tsv.size(), 2u);
  EXPECT_EQ(tsv[0].first, "a b");
  EXPECT_EQ(tsv[0].second, (SuperbResults{{"PR", 5.41}, {"SF-F1", 88.5}}));
  EXPECT_EQ(tsv[1].second, (SuperbResults{{"PR", 6}, {"QbE", 0.07}}));
  write_atomically(folder_ / "r.json", R"({"a b": {"PR": 5.41, "SF-F1": 88.5}})");
  EXPECT_EQ(read_superb_results(folder_ / "r.json")[0], tsv[0]);
}

TEST_F(SuperbFile, ErrorsNamePlaceAndNearestMetric) {
  const std::map<std::string, std::string> cases = {
      {"model\tPRR\nm\t1\n", "line 1: 'PRR' is no metric of SUPERB"},
      {"name\tPR\n", "line 1: the first column is not 'model'"},
      {"model\tPR\nm\tx\n", "line 2: PR is 'x', which is no number"},
      {"model\tPR\nm\t1\t2\n", "line 2: 3 fields for 2 columns"},
      {"model\tQbE\nm\t7.36\n", "is it in per cent?"},
      {"model\tPR\n", "no model in it"},
      {"", "no model in it"},
      {R"({"m": {"PR": "x"}})", "PR of 'm' is \"x\", which is no number"},
      {R"({"m": {"SF-CE": 1}})", "'SF-CER'"},
      {"{", "parse error"}};
  for (const auto& [text, part] : cases) {
    write_atomically(folder_ / "bad", text);
    try {
      read_superb_results(folder_ / "bad");
      ADD_FAILURE() << text;
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), HasSubstr(part));
      EXPECT_THAT(error.what(), HasSubstr((folder_ / "bad").string() + ": "));
    }
  }
}

TEST(PairedScores, CompareTheSameClips) {
  const Scores scores = two_models();
  const auto differences =
      paired_differences({&scores, &scores.models[0]}, {&scores, &scores.models[1]});
  ASSERT_EQ(differences.size(), 2u);  // no min_dcf is among the scores
  EXPECT_EQ(differences[0].metric, "ks.acc");
  EXPECT_DOUBLE_EQ(differences[0].test.difference, -25);
  EXPECT_EQ(differences[0].clips, 4);
  EXPECT_EQ(differences[0].test.interval.high, 0);
  EXPECT_DOUBLE_EQ(differences[1].test.difference,
                   100 * (equal_error_rate(scores.models[0].scores[1].trials) -
                          equal_error_rate(scores.models[1].scores[1].trials)));
}

TEST(PairedScores, DifferencesAreInTheMetricsUnit) {
  Scores scores = two_models();
  for (double part : {0.0, 0.5}) {
    TaskScore loyalty{.metric = "teacher.loyalty_prob", .value = 0.75 + part / 2};
    loyalty.hits = {1, 2 * (1 + part)};
    loyalty.totals = {2, 2};
    scores.models[part > 0 ? 1 : 0].scores = {loyalty};
  }
  const auto differences =
      paired_differences({&scores, &scores.models[1]}, {&scores, &scores.models[0]});
  ASSERT_EQ(differences.size(), 1u);
  EXPECT_DOUBLE_EQ(differences[0].test.difference, 0.25);
}

TEST(PairedScores, OtherClipsAreAnError) {
  const Scores scores = two_models();
  const auto fails = [&](const auto& change, const std::string& part) {
    Scores other = scores;
    change(other);
    try {
      paired_differences({&scores, &scores.models[0]}, {&other, &other.models[1]});
      ADD_FAILURE() << part;
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), HasSubstr(part));
    }
  };
  fails([](Scores& s) { s.split = Split::kDev; }, "split test and dev");
  fails([](Scores& s) { s.fidelity = 1; }, "fidelity 0.5 and 1");
  fails([](Scores& s) { s.data = "f"; }, "data 0123456789ab and f");
  fails([](Scores& s) { s.tasks[0].scored_ids[0] = "z"; }, "clips of ks");
  fails([](Scores& s) { s.models[1].scores[1].trials[0].second = 4; }, "asv.eer has other trials");
  fails([](Scores& s) { s.models[1].scores.clear(); }, "no metric with results of each clip");
}

}  // namespace
}  // namespace concertina
