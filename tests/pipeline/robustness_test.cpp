#include "pipeline/robustness.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "speech/manifest.h"
#include "supernet/model/model_file.h"
#include "tests/eval/toy_corpus.h"
#include "tests/model/models.h"
#include "tests/pipeline/fixtures.h"

namespace concertina {
namespace {

using ::testing::HasSubstr;

class RobustnessTable : public testing::InFolder {};

TEST_F(RobustnessTable, EveryModelIsATargetAndASource) {
  const testing::ToyCorpus corpus("robustness", 2, 5);
  write_manifest(corpus.manifest(), corpus.manifest().folder / "manifest.tsv");
  const SearchSpace space = testing::small_space(testing::mel_blueprint());
  save_model(testing::perturbed(space, 1), folder_ / "model.safetensors");
  save_model(testing::perturbed(space, 2), folder_ / "teacher.safetensors");
  RobustnessRequest request{.model = folder_ / "model.safetensors",
                            .members = {"smallest"},
                            .teacher = folder_ / "teacher.safetensors",
                            .data = corpus.manifest().folder / "manifest.tsv"};
  request.tasks.tasks = {"pr"};
  request.tasks.pr_every = 1;
  request.tasks.clip_seconds = 0.5;
  request.attack = {.noise_to_signal = 0.05, .steps = 2};
  const Robustness found = measure_robustness(request, {});
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const RobustnessRow& row : found.rows) {
    pairs.emplace_back(row.target, row.source);
    EXPECT_EQ(row.scores.size(), found.rows.front().scores.size());
    EXPECT_EQ(row.deviation == 0, row.source == "clean") << row.source;
  }
  EXPECT_EQ(pairs, (std::vector<std::pair<std::string, std::string>>{{"smallest", "clean"},
                                                                     {"smallest", "gaussian"},
                                                                     {"smallest", "smallest"},
                                                                     {"smallest", "teacher"},
                                                                     {"teacher", "clean"},
                                                                     {"teacher", "gaussian"},
                                                                     {"teacher", "smallest"},
                                                                     {"teacher", "teacher"}}));
  EXPECT_GT(found.rows[2].deviation, found.rows[3].deviation) << "its own gradient is the best";
  EXPECT_THAT(robustness_text(found), HasSubstr("smallest  gaussian"));
  const auto json = nlohmann::json::parse(to_json(found));
  EXPECT_EQ(json.at("rows").size(), 8u);
  EXPECT_EQ(json.at("noise_to_signal"), 0.05);
}

}  // namespace
}  // namespace concertina
