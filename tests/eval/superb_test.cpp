#include "eval/superb.h"

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <sstream>
#include <vector>

#include "core/files.h"

namespace concertina {
namespace {

std::vector<std::string> split_by_tab(const std::string& line) {
  std::vector<std::string> fields;
  std::istringstream stream(line);
  for (std::string field; std::getline(stream, field, '\t');) fields.push_back(field);
  return fields;
}

// tests/eval/superb.tsv: rows as papers and the leaderboard print them, "-" where none prints it.
TEST(Superb, SummaryScoresAreThoseThatPapersPrint) {
  std::istringstream lines(
      read_text(std::filesystem::path(CONCERTINA_SOURCE_DIR) / "tests/eval/superb.tsv"));
  std::string line;
  std::getline(lines, line);
  const std::vector<std::string> columns = split_by_tab(line);
  int32_t overalls = 0, scores = 0;
  while (std::getline(lines, line)) {
    const std::vector<std::string> fields = split_by_tab(line);
    SuperbResults results;
    std::string overall, score;
    for (size_t i = 1; i < fields.size(); ++i) {
      if (columns[i] == "overall")
        overall = fields[i];
      else if (columns[i] == "superb_s")
        score = fields[i];
      else
        results[columns[i]] = std::stod(fields[i]);
    }
    if (overall != "-") {
      EXPECT_NEAR(superb_overall(results).value(), std::stod(overall), 0.06) << fields[0];
      ++overalls;
    }
    if (score != "-") {
      EXPECT_NEAR(superb_s(results)->score, std::stod(score), 1) << fields[0];
      EXPECT_EQ(superb_s(results)->tasks, 10);
      ++scores;
    }
  }
  EXPECT_EQ(overalls, 9);
  EXPECT_EQ(scores, 10);
}

TEST(Superb, FbankIsZeroAndTheStateOfTheArtAThousand) {
  SuperbResults low, high;
  for (const SuperbMetric& metric : superb_metrics()) {
    low[std::string(metric.name)] = metric.fbank;
    high[std::string(metric.name)] = metric.sota;
  }
  EXPECT_NEAR(superb_s(low)->score, 0, 1e-9);
  EXPECT_NEAR(superb_s(high)->score, 1000, 1e-9);
}

TEST(Superb, TasksThatWereNotMeasuredDoNotCount) {
  const SuperbResults results = {{"KS", 96.66}, {"SID", 20.06}, {"SF-F1", 89.81}};
  const auto score = superb_s(results);
  ASSERT_TRUE(score);
  EXPECT_NEAR(score->score, 500, 1e-9);
  EXPECT_EQ(score->tasks, 2);  // of SF one metric is missing
  EXPECT_FALSE(superb_overall(results));
  EXPECT_FALSE(superb_s({}));
}

TEST(AnchoredScore, IsAMeanOverTasksOfMeansOverMetrics) {
  const std::array<AnchoredMetric, 3> metrics = {
      AnchoredMetric{"a", 5, 0, 10}, AnchoredMetric{"a", 30, 40, 30}, AnchoredMetric{"b", 1, 1, 2}};
  EXPECT_NEAR(anchored_score(metrics).value(), 1000 * ((0.5 + 1) / 2 + 0) / 2, 1e-9);
  EXPECT_FALSE(anchored_score({}));
}

}  // namespace
}  // namespace concertina
