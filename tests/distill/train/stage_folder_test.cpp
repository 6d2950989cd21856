// Existing runs: kept, resumed or set aside.
#include "distill/train/stage_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "core/files.h"
#include "core/folder_lock.h"
#include "core/hash.h"
#include "distill/train/adamw.h"
#include "distill/train/config_changes.h"
#include "distill/train/schedule.h"
#include "supernet/model/model_file.h"
#include "supernet/model/safetensors.h"
#include "tests/distill/training.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::Recorder;
using testing::same;
using testing::tiny_pretraining;

std::vector<std::string> keys(const std::vector<ConfigChange>& changes) {
  std::vector<std::string> names;
  for (const ConfigChange& change : changes) names.push_back(change.key);
  return names;
}

TEST(ConfigChanges, MoreStepsAndValidationAreAllowed) {
  const std::string before =
      R"({"seed":1,"stage1":{"steps":450,"validate_every":250,"optimizer":{"lr":0.1}}})";
  const std::string now =
      R"({"seed":1,"stage1":{"steps":900,"validate_every":100,"optimizer":{"lr":0.2}},"dtype":"Float"})";
  const ConfigChanges changes = config_changes(before, now, 450);
  EXPECT_THAT(keys(changes.allowed),
              ::testing::ElementsAre("stage1.steps", "stage1.validate_every"));
  EXPECT_THAT(keys(changes.incompatible), ::testing::ElementsAre("dtype", "stage1.optimizer.lr"));
  EXPECT_EQ(describe(changes.incompatible),
            "dtype was nothing and is \"Float\", stage1.optimizer.lr was 0.1 and is 0.2");
  EXPECT_TRUE(config_changes(before, before, 450).incompatible.empty());
}

TEST(ConfigChanges, FewerStepsThanAreDoneAreIncompatible) {
  const std::string before = R"({"stage1":{"steps":450}})", now = R"({"stage1":{"steps":300}})";
  EXPECT_TRUE(config_changes(before, now, 200).incompatible.empty());
  EXPECT_THAT(keys(config_changes(before, now, 301).incompatible),
              ::testing::ElementsAre("stage1.steps"));
}

TEST(ConfigChanges, StepsAreIncompatibleWhileTheSpaceOpens) {
  const std::string before = R"({"stage2":{"steps":100,"sampler":{"progressive":0.5}}})";
  const std::string now = R"({"stage2":{"steps":120,"sampler":{"progressive":0.5}}})";
  EXPECT_FALSE(config_changes(before, now, 55).incompatible.empty());
  EXPECT_TRUE(config_changes(before, now, 60).incompatible.empty());
}

class StageFolders : public testing::Training {
 protected:
  void SetUp() override {
    Training::SetUp();
    where = context("teacher");
    options.train.dtype = Precision::kFp32;
    pretrain_teacher(options, space, manifest, where);
    where.existing = Existing::kResume;
  }
  StageResult again() { return pretrain_teacher(options, space, manifest, where); }
  std::string refusal() {
    try {
      again();
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  }
  // Of every file of a folder: its path there and hash.
  static std::map<std::string, std::string> files(const fs::path& folder) {
    std::map<std::string, std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.is_regular_file()) {
        found[fs::relative(entry.path(), folder)] = sha256_file(entry.path());
      }
    }
    return found;
  }
  PretrainOptions options = tiny_pretraining();
  StageContext where;
};

TEST_F(StageFolders, AChangedKeyIsRejectedByNameAndNothingIsTouched) {
  const auto before = files(where.folder);
  options.train.optimizer.lr = 1e-4;
  options.units.clusters = 9;
  const std::string message = refusal();
  EXPECT_THAT(message, HasSubstr("teacher.optimizer.lr was 0.0015 and is 0.0001"));
  EXPECT_THAT(message, HasSubstr("teacher.units.clusters was 8 and is 9"));
  EXPECT_THAT(message, HasSubstr("--fresh"));
  EXPECT_EQ(files(where.folder), before);
  where.existing = Existing::kReject;
  EXPECT_THAT(refusal(), HasSubstr("--resume"));
  EXPECT_EQ(files(where.folder), before);
}

// Removes keys of `teacher` from the fingerprint that the newest checkpoint and the units have, as if
// an earlier version had written them.
void forget(const fs::path& folder, const std::vector<std::string>& pointers) {
  std::vector<fs::path> written = {folder / "units.safetensors"};
  for (const auto& entry : fs::directory_iterator(folder / "checkpoint")) {
    if (entry.path().extension() == ".safetensors") written.push_back(entry.path());
  }
  for (const fs::path& path : written) {
    SafetensorsFile file = read_safetensors(path, Reading::kCopied);
    auto json = nlohmann::ordered_json::parse(file.metadata.at("recipe"));
    for (const std::string& pointer : pointers) {
      const nlohmann::ordered_json::json_pointer at("/teacher" + pointer);
      ASSERT_EQ(json.at(at.parent_pointer()).erase(at.back()), 1U) << pointer;
    }
    file.metadata["recipe"] = json.dump();
    write_safetensors(path, file.tensors, file.metadata);
  }
}

TEST_F(StageFolders, ARunOfAVersionWithFewerOptionsResumes) {
  forget(where.folder, {"/optimizer/final_lr", "/mask", "/units/splice", "/validate_every"});
  const auto units = fs::last_write_time(where.folder / "units.safetensors");
  options.train.steps = 13;
  EXPECT_EQ(again().outcome.state.step, 13);
  EXPECT_EQ(fs::last_write_time(where.folder / "units.safetensors"), units);  // not made again
}

TEST_F(StageFolders, AnOptionThatAnEarlierVersionLackedMustHaveItsDefault) {
  forget(where.folder, {"/layers", "/optimizer/final_lr"});
  EXPECT_THAT(refusal(), HasSubstr("teacher.layers was [2,4] and is [1]; resume"));
}

TEST_F(StageFolders, AFreshRunKeepsTheWholeOldFolder) {
  const auto before = files(where.folder);
  options.train.optimizer.lr = 1e-4;
  for (const Existing existing : {Existing::kSetAside, Existing::kResumeOrSetAside}) {
    where.existing = existing;
    EXPECT_EQ(again().outcome.state.step, 12);
    options.train.optimizer.lr = 1e-5;
  }
  EXPECT_EQ(files(folder.path / "teacher.old"), before);
  EXPECT_TRUE(fs::exists(folder.path / "teacher.old2" / "model.safetensors"));
  EXPECT_THAT(read_text(where.folder / "config.yaml"), HasSubstr("lr: 1e-05"));
}

TEST_F(StageFolders, MoreStepsResumeAtTheLearningRateOfTheLongerRun) {
  const auto units = fs::last_write_time(where.folder / "units.safetensors");
  const std::string model = sha256_file(where.folder / "model.safetensors");
  Recorder recorder;
  where.observers = {&recorder};
  options.train.steps = 18;
  EXPECT_EQ(again().outcome.state.step, 18);
  ASSERT_EQ(recorder.steps.size(), 6U);
  EXPECT_DOUBLE_EQ(recorder.steps[0].lr, learning_rate(options.train.optimizer, 12, 18));
  EXPECT_EQ(fs::last_write_time(where.folder / "units.safetensors"), units);  // not made again
  EXPECT_NE(sha256_file(where.folder / "model.safetensors"), model);
  EXPECT_FALSE(fs::exists(folder.path / "teacher.old"));
  options.train.steps = 15;
  EXPECT_THAT(refusal(), HasSubstr("teacher.steps was 18 and is 15"));
}

TEST_F(StageFolders, AutoResumesInTheDtypeOfTheCheckpoint) {
  options.train.steps = 14;
  options.train.dtype = Precision::kAuto;  // bf16 on many machines
  again();
  EXPECT_THAT(read_text(where.folder / "config.yaml"), HasSubstr("dtype: \"Float\""));
  options.train.dtype = Precision::kBf16;
  EXPECT_THAT(refusal(), HasSubstr("dtype was \"Float\" and is \"BFloat16\""));
}

TEST_F(StageFolders, AModelWithoutCheckpointsIsNotOverwritten) {
  fs::remove_all(where.folder / "checkpoint");
  EXPECT_THAT(refusal(), HasSubstr("holds a model but no checkpoint"));
  where.existing = Existing::kResumeOrSetAside;
  again();
  EXPECT_TRUE(fs::exists(folder.path / "teacher.old" / "model.safetensors"));
}

TEST_F(StageFolders, OtherValidationKeepsTheRunAndResetsTheBest) {
  options.train.steps = 16;
  options.train.validation_crops = 6;
  const StageResult result = again();
  EXPECT_EQ(result.outcome.state.best_crops, 6);
  EXPECT_EQ(result.outcome.state.best_step, 16);
}

TEST_F(StageFolders, AWarmStartCopiesWeightsAndHeadsOfAnotherRun) {
  StageContext warm = context("warm");
  PretrainOptions slower = options;
  slower.train.init_from = where.folder;
  slower.train.steps = 1;
  slower.train.optimizer.lr = 1e-12;
  slower.train.optimizer.weight_decay = 0;
  const StageResult result = pretrain_teacher(slower, space, manifest, warm);
  const Supernet first = load_model(where.folder / "model.safetensors");
  for (const auto& [name, tensor] : first.weights()) {
    EXPECT_TRUE(result.model.weights().at(name).allclose(tensor, 0, 1e-9)) << name;
  }
  EXPECT_THAT(read_text(warm.folder / "config.yaml"), HasSubstr("init_from: "));
  slower.layers = {};  // the objective has fewer heads than the run it starts from, which is fine
  pretrain_teacher(slower, space, manifest, context("fewer"));
  slower.units.clusters = 9;
  try {
    pretrain_teacher(slower, space, manifest, context("other"));
    FAIL() << "heads of another shape were taken";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("has another shape"));
  }
}

TEST_F(StageFolders, OneInUseIsRejectedBeforeAnythingIsWritten) {
  const auto before = files(where.folder);
  const FolderLock other(where.folder);
  where.existing = Existing::kSetAside;
  options.units.clusters = 9;
  EXPECT_THROW(again(), SystemError);
  EXPECT_EQ(files(where.folder), before);
}

}  // namespace
}  // namespace concertina
