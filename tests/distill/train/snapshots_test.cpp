#include "distill/train/snapshots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "core/errors.h"
#include "supernet/model/model_file.h"
#include "tests/distill/one_step.h"
#include "tests/distill/training.h"

namespace concertina {
namespace {

TEST(SnapshotSchedules, AreReadAtTheShareOfTheStepsThatIsDone) {
  SnapshotSchedule schedule{.guidance = Guidance::kWaypoint,
                            .snapshots = {{10, "a"}, {20, "b"}, {40, "c"}}};
  const auto all = [&] {
    std::vector<size_t> found;
    for (const double progress : {0.0, 0.24, 0.25, 0.49, 0.5, 0.99, 1.0})
      found.push_back(schedule.at(progress));
    return found;
  };
  EXPECT_THAT(all(), ::testing::ElementsAre(0, 0, 1, 1, 2, 2, 2));
  schedule.guidance = Guidance::kTrajectory;
  EXPECT_THAT(all(), ::testing::ElementsAre(0, 0, 0, 0, 1, 1, 2));
  EXPECT_EQ(schedule.at(std::nullopt), 2);
}

class SnapshotsOfARun : public testing::Training {
 protected:
  // 10 steps, the model after 4, 8 and 10.
  StageResult pretrain(const std::string& name, StageContext where) {
    PretrainOptions options = testing::tiny_pretraining();
    options.train.steps = 10;
    options.train.snapshot_every = 4;
    where.folder = folder.path / name;
    return pretrain_teacher(options, space, manifest, where);
  }
  std::vector<Snapshot> snapshots(const std::string& name) const {
    return find_snapshots(folder.path / name / kSnapshots);
  }
  StageResult distill(const std::string& name, const NamedTeacher& course,
                      const DistillOptions& options) {
    return distill_stage(options, {2, space, first, nullptr, manifest, {course}}, context(name));
  }
  Supernet first = Supernet::random(testing::tiny_teacher(space), Rng(1));
};

TEST_F(SnapshotsOfARun, AreItsModelsByStep) {
  const StageResult result = pretrain("whole", context("whole"));
  const std::vector<Snapshot> found = snapshots("whole");
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].step, 4);
  EXPECT_EQ(found[1].step, 8);  // before 10: by number, not by name
  EXPECT_EQ(found[2].step, 10);
  EXPECT_TRUE(testing::same(load_model(found[2].model).weights(), result.model.weights()));
  EXPECT_FALSE(testing::same(load_model(found[1].model).weights(), result.model.weights()));
}

TEST_F(SnapshotsOfARun, AreTheSameAfterAStop) {
  pretrain("whole", context("whole"));
  testing::StopAt stop(5, StopReason::kTimeUp);
  StageContext where = context("stopped");
  where.observers = {&stop};
  where.stop = stop.source.token();
  pretrain("stopped", where);
  EXPECT_EQ(snapshots("stopped").size(), 1u);
  pretrain("stopped", context("stopped"));
  const std::vector<Snapshot> whole = snapshots("whole"), resumed = snapshots("stopped");
  ASSERT_EQ(resumed.size(), whole.size());
  for (size_t i = 0; i < whole.size(); ++i) {
    EXPECT_TRUE(testing::same(load_model(whole[i].model).weights(),
                              load_model(resumed[i].model).weights()));
  }
}

TEST_F(SnapshotsOfARun, AreMissing) {
  std::filesystem::create_directories(folder.path / "empty");
  std::ofstream(folder.path / "empty" / "model.safetensors") << "no step";
  EXPECT_THROW(find_snapshots(folder.path / "empty"), InputError);
  EXPECT_THROW(find_snapshots(folder.path / "absent"), InputError);
}

// A step's loss with a schedule is that with the snapshot of its share of the steps as a fixed teacher.
TEST_F(SnapshotsOfARun, TeachInTheirTurn) {
  pretrain("whole", context("whole"));
  const SnapshotSchedule schedule{Guidance::kWaypoint, snapshots("whole")};
  const at::Tensor audio = testing::tones(2, 8000, 3);
  const auto loss_at = [&](int64_t step, const std::function<void(Learner::Setup&)>& teacher) {
    const auto learner = testing::layer_mean_learner(space, [&](Learner::Setup& setup) {
      setup.steps = 10;
      setup.statistics = {};
      teacher(setup);
    });
    const auto alone = single_process_communicator();
    Gradients gradients(learner->parameters());
    GradientReducer reducer(*alone, learner->parameters(), gradients);
    learner->learn(testing::batch_of(audio), 9, reducer);  // another snapshot before
    return learner->learn(testing::batch_of(audio), step, reducer).total.item<double>();
  };
  std::set<double> losses;
  for (const auto& [step, which] : {std::pair<int64_t, size_t>{3, 0}, {5, 1}, {8, 2}}) {
    const double scheduled =
        loss_at(step, [&](Learner::Setup& setup) { setup.snapshots[0] = schedule; });
    const double fixed = loss_at(step, [&](Learner::Setup& setup) {
      setup.teachers = {load_model(schedule.snapshots[which].model)};
    });
    EXPECT_EQ(scheduled, fixed) << step;
    losses.insert(scheduled);
  }
  EXPECT_EQ(losses.size(), 3u);
}

TEST_F(SnapshotsOfARun, GuideAStage) {
  pretrain("whole", context("whole"));
  const std::vector<Snapshot> found = snapshots("whole");
  const auto course = [&](Guidance guidance) {
    return NamedTeacher{"course", load_model(found.back().model),
                        SnapshotSchedule{guidance, found}};
  };
  const DistillOptions options =
      testing::taught_by("{kind: layer_mean, top: 2, teachers: [course]}");
  const TensorMap last =
      distill("last", {"course", load_model(found.back().model)}, options).model.weights();
  const TensorMap waypoint =
      distill("waypoint", course(Guidance::kWaypoint), options).model.weights();
  EXPECT_FALSE(testing::same(last, waypoint));
  EXPECT_FALSE(testing::same(
      waypoint, distill("trajectory", course(Guidance::kTrajectory), options).model.weights()));
  DistillOptions cached = options;
  cached.cache = CacheDtype::kFp16;
  try {
    distill("cached", course(Guidance::kWaypoint), cached);
    FAIL();
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("stage2.cache: rows of the teacher 'course'"));
  }
}

}  // namespace
}  // namespace concertina
