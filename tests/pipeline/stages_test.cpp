#include "pipeline/stages.h"

#include <gmock/gmock.h>

#include <map>
#include <set>

#include "tests/pipeline/fixtures.h"

namespace concertina {
namespace {

using ::testing::ElementsAre;
using testing::smoke_pipeline;
using Names = std::vector<std::string>;

Names names_of(const std::vector<Stage>& stages) {
  Names names;
  for (const Stage& stage : stages) names.push_back(stage.name);
  return names;
}

std::map<std::string, Names> inputs_of(const std::vector<Stage>& stages) {
  std::map<std::string, Names> inputs;
  for (const Stage& stage : stages) inputs[stage.name] = stage.inputs;
  return inputs;
}

// The stages whose settings differ once this is set.
std::set<std::string> changed_by(const std::string& assignment) {
  const Pipeline before = smoke_pipeline(), after = smoke_pipeline({assignment});
  const std::vector<Stage> a = pipeline_stages(before), b = pipeline_stages(after);
  std::set<std::string> changed;
  for (size_t i = 0; i < a.size(); ++i)
    if (a[i].settings != b[i].settings) changed.insert(a[i].name);
  return changed;
}

TEST(Stages, Order) {
  const Pipeline plain = smoke_pipeline();
  EXPECT_THAT(names_of(pipeline_stages(plain)), ElementsAre("corpus", "teacher", "stage1", "stage2",
                                                            "latency", "search", "eval", "report"));
  const Pipeline sorted = smoke_pipeline({"sort.score=magnitude"});
  EXPECT_THAT(names_of(pipeline_stages(sorted)),
              ElementsAre("corpus", "teacher", "stage1", "sort", "stage2", "latency", "search",
                          "eval", "report"));
}

TEST(Stages, Dependencies) {
  const Pipeline plain = smoke_pipeline();
  EXPECT_EQ(inputs_of(pipeline_stages(plain)),
            (std::map<std::string, Names>{{"corpus", {}},
                                          {"teacher", {"corpus"}},
                                          {"stage1", {"teacher"}},
                                          {"stage2", {"stage1"}},
                                          {"latency", {"stage2"}},
                                          {"search", {"latency"}},
                                          {"eval", {"stage2"}},
                                          {"report", {"search", "eval"}}}));
  const Pipeline sorted = smoke_pipeline({"sort.score=magnitude"});
  const auto inputs = inputs_of(pipeline_stages(sorted));
  EXPECT_THAT(inputs.at("sort"), ElementsAre("stage1"));
  EXPECT_THAT(inputs.at("stage2"), ElementsAre("sort"));
}

TEST(Stages, InputsComeBeforeTheStagesThatReadThem) {
  const Pipeline pipeline = smoke_pipeline({"sort.score=magnitude"});
  std::set<std::string> before;
  for (const Stage& stage : pipeline_stages(pipeline)) {
    for (const std::string& input : stage.inputs) EXPECT_TRUE(before.contains(input)) << input;
    EXPECT_FALSE(stage.outputs.empty()) << stage.name;
    EXPECT_TRUE(stage.run) << stage.name;
    before.insert(stage.name);
  }
}

TEST(Stages, SettingsAreThoseThatTheirResultsDependOn) {
  using Changed = std::set<std::string>;
  EXPECT_EQ(changed_by("seed=1"), Changed{"teacher"});
  EXPECT_EQ(changed_by("teacher.pretrain.steps=31"), Changed{"teacher"});
  EXPECT_EQ(changed_by("stage1.steps=21"), Changed{"stage1"});
  EXPECT_EQ(changed_by("stage2.steps=21"), Changed{"stage2"});
  EXPECT_EQ(changed_by("latency.points=11"), Changed{"latency"});
  EXPECT_EQ(changed_by("search.trials=13"), Changed{"search"});
  EXPECT_EQ(changed_by("tasks.pr_every=3"), (Changed{"search", "eval"}));
  EXPECT_EQ(changed_by("tasks.fidelity=0.1"), (Changed{"search", "eval"}));
  EXPECT_EQ(changed_by("report.budgets.0.params=70k"), (Changed{"search", "report"}))
      << "the search scores what the report names";
}

TEST(Stages, AStudyThatIsAnotherIsMovedBeforeItsStagesAlone) {
  const Pipeline pipeline = smoke_pipeline();
  for (const Stage& stage : pipeline_stages(pipeline)) {
    const bool writes_study = stage.outputs.front() == pipeline.workspace.study();
    EXPECT_EQ(static_cast<bool>(stage.prepare), writes_study) << stage.name;
  }
}

}  // namespace
}  // namespace concertina
