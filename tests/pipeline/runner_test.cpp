#include "pipeline/runner.h"

#include <gmock/gmock.h>

#include "core/errors.h"
#include "core/files.h"
#include "tests/pipeline/fixtures.h"

namespace concertina {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Names = std::vector<std::string>;

// Three stages that write a file each and log it in ran_: data, then model and table, which both
// read it.
class RunnerTest : public testing::InFolder {
 protected:
  Stage stage(const std::string& name, const std::string& settings, Names inputs) {
    const std::filesystem::path output = workspace().out / (name + ".txt");
    return {.name = name,
            .settings = settings,
            .inputs = std::move(inputs),
            .outputs = {output},
            .run = [this, name, output](const RunContext&) {
              ran_.push_back(name);
              write_atomically(output, name);
            }};
  }
  std::vector<Stage> stages(const std::string& data = "d", const std::string& model = "m") {
    return {stage("data", data, {}), stage("model", model, {"data"}),
            stage("table", "t", {"data"})};
  }
  Workspace workspace() const { return {folder_ / "out"}; }
  Names run(const std::vector<Stage>& stages, const Names& only = {}) {
    ran_.clear();
    run_stages(stages, workspace(), {"pipeline.yaml", "effective", only}, context_);
    return ran_;
  }
  Names planned(const std::vector<Stage>& stages, const Names& only = {}) {
    Names names;
    for (const PlannedStage& stage : plan_stages(stages, workspace(), only))
      if (!stage.up_to_date) names.push_back(stage.name);
    return names;
  }

  Names ran_;
  RunContext context_;
};

TEST_F(RunnerTest, UnchangedStagesAreSkipped) {
  EXPECT_THAT(run(stages()), ElementsAre("data", "model", "table"));
  EXPECT_THAT(run(stages()), IsEmpty());
}

TEST_F(RunnerTest, AChangeRunsTheStageAndItsDependents) {
  run(stages());
  EXPECT_THAT(run(stages("d", "other")), ElementsAre("model"));
  EXPECT_THAT(run(stages("other", "other")), ElementsAre("data", "model", "table"));
}

TEST_F(RunnerTest, AMissingOutputIsMadeAgain) {
  run(stages());
  std::filesystem::remove(workspace().out / "model.txt");
  EXPECT_THAT(run(stages()), ElementsAre("model"));
}

TEST_F(RunnerTest, OnlyTheStagesAskedFor) {
  EXPECT_THAT(run(stages(), {"data"}), ElementsAre("data"));
  EXPECT_THAT(run(stages(), {"table"}), ElementsAre("table"));
  EXPECT_THAT(run(stages()), ElementsAre("model"));
}

TEST_F(RunnerTest, AnUnknownStageIsNamedBeforeAnythingRuns) {
  for (const auto& call : {std::function<void()>([&] { run(stages(), {"modl"}); }),
                           std::function<void()>([&] { planned(stages(), {"modl"}); })}) {
    try {
      call();
      ADD_FAILURE() << "modl was taken";
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(),
                  ::testing::HasSubstr("unknown stage 'modl' (did you mean 'model'?)"));
    }
  }
  EXPECT_FALSE(std::filesystem::exists(workspace().out));
}

TEST_F(RunnerTest, AFailureEndsTheRunAndTheStageRunsAgain) {
  std::vector<Stage> failing = stages();
  failing[1].run = [](const RunContext&) { throw InputError("no"); };
  EXPECT_THROW(run(failing), InputError);
  EXPECT_THAT(ran_, ElementsAre("data"));
  EXPECT_THAT(read_text(workspace().stamps() / "model"), ::testing::EndsWith(" started\n"));
  EXPECT_THAT(run(stages()), ElementsAre("model", "table"));
}

TEST_F(RunnerTest, AStopLeavesTheStageStarted) {
  StopSource source;
  context_.stop = source.token();
  std::vector<Stage> stopping = stages();
  stopping[1].run = [&](const RunContext&) { source.request(StopReason::kInterrupt); };
  EXPECT_THROW(run(stopping), Interrupted);
  EXPECT_THAT(planned(stages()), ElementsAre("model", "table"));
  context_ = {};
  EXPECT_THAT(run(stages()), ElementsAre("model", "table"));
}

TEST_F(RunnerTest, APreparationComesBeforeItsStageAlone) {
  std::vector<Stage> all = stages();
  all[1].prepare = [&] {
    ran_.push_back("prepare");
    EXPECT_FALSE(std::filesystem::exists(workspace().stamps() / "model"));
  };
  EXPECT_THAT(run(all), ElementsAre("data", "prepare", "model", "table"));
  EXPECT_THAT(run(all), IsEmpty());
}

// As the corpus: what a stage has made is known once it ran, and changes behind the runner's back
// count.
TEST_F(RunnerTest, ContentOfAnInputCounts) {
  std::vector<Stage> all = stages();
  const std::filesystem::path output = all[0].outputs[0];
  all[0].content = [output]() -> std::optional<std::string> {
    if (!std::filesystem::exists(output)) return std::nullopt;
    return read_text(output);
  };
  run(all);
  EXPECT_THAT(run(all), IsEmpty());
  write_atomically(output, "edited");
  EXPECT_THAT(planned(all), ElementsAre("model", "table"));
  EXPECT_THAT(run(all), ElementsAre("model", "table"));
}

TEST_F(RunnerTest, APlanSaysWhatARunDoesAndWritesNothing) {
  EXPECT_THAT(planned(stages()), ElementsAre("data", "model", "table"));
  EXPECT_THAT(planned(stages(), {"table"}), ElementsAre("table"));
  EXPECT_FALSE(std::filesystem::exists(workspace().out));
  run(stages());
  EXPECT_THAT(planned(stages()), IsEmpty());
  EXPECT_THAT(planned(stages("d", "other")), ElementsAre("model"));
}

TEST_F(RunnerTest, TheEffectiveConfigIsWrittenUnlessItIsThePipelineFile) {
  run(stages());
  EXPECT_EQ(read_text(workspace().config()), "effective");
  write_atomically(workspace().config(), "# mine");
  run_stages(stages(), workspace(), {workspace().config(), "effective", {}}, context_);
  EXPECT_EQ(read_text(workspace().config()), "# mine");
}

}  // namespace
}  // namespace concertina
