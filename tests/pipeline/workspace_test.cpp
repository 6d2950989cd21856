#include "pipeline/workspace.h"

#include "core/files.h"
#include "tests/pipeline/fixtures.h"

namespace concertina {
namespace {

using WorkspaceTest = testing::InFolder;

TEST_F(WorkspaceTest, NamesAreThoseOfTheDocs) {
  const Workspace workspace{"runs/a"};
  EXPECT_EQ(workspace.teacher(), "runs/a/teacher/model.safetensors");
  EXPECT_EQ(workspace.student(1), "runs/a/stage1/model.safetensors");
  EXPECT_EQ(workspace.objective(2), "runs/a/stage2/objective.safetensors");
  EXPECT_EQ(workspace.sorted(), "runs/a/sort/model.safetensors");
  EXPECT_EQ(workspace.sorted_objective(), "runs/a/sort/objective.safetensors");
  EXPECT_EQ(workspace.study(), "runs/a/study.db");
  EXPECT_EQ(workspace.scores(), "runs/a/scores.json");
  EXPECT_EQ(workspace.subnet(), "runs/a/subnet.safetensors");
  EXPECT_EQ(workspace.report(), "runs/a/report.html");
  EXPECT_EQ(workspace.config(), "runs/a/config.yaml");
  EXPECT_EQ(workspace.stamps(), "runs/a/stamps");
  EXPECT_EQ(default_workspace("configs/quickstart.yaml"), "runs/quickstart");
}

TEST_F(WorkspaceTest, AnOldStudyNeverTakesANameThatIsInUse) {
  const Workspace workspace{folder_};
  EXPECT_EQ(workspace.old_study(), folder_ / "study-1.db");
  write_atomically(folder_ / "study-1.db", "kept");
  EXPECT_EQ(workspace.old_study(), folder_ / "study-2.db");
}

}  // namespace
}  // namespace concertina
