// Stages with several teachers: what they learn, cache and resume.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/errors.h"
#include "distill/objective/layer_mean.h"
#include "tests/distill/training.h"

namespace concertina {
namespace {

using testing::taught_by;

class StageOfTeachers : public testing::Training {
 protected:
  StageResult run(const std::string& name, const DistillOptions& options, const Supernet& second) {
    return distill_stage(options, {2, space, teacher, nullptr, manifest, {{"b", second}}},
                         context(name));
  }
  Supernet teacher = Supernet::random(testing::tiny_teacher(space), Rng(1));
  Supernet b = Supernet::random(testing::tiny_teacher(space), Rng(2));
  Supernet c = Supernet::random(testing::tiny_teacher(space), Rng(3));
};

const char* const kMean = "{kind: layer_mean, top: 2, teachers: [teacher, b]}";

TEST_F(StageOfTeachers, LearnFromTheOnesThatTheyName) {
  const auto trained = [&](const std::string& name, const char* objective, const Supernet& second) {
    return run(name, taught_by(objective), second).model.weights();
  };
  const TensorMap first = trained("first", "{kind: layer_mean, top: 2}", b);
  EXPECT_TRUE(testing::same(first, trained("same", "{kind: layer_mean, top: 2}", c)));
  EXPECT_TRUE(
      testing::same(first, trained("named", "{kind: layer_mean, top: 2, teachers: [teacher]}", b)));
  const TensorMap mean = trained("mean", kMean, b);
  EXPECT_FALSE(testing::same(first, mean));
  EXPECT_FALSE(testing::same(mean, trained("other", kMean, c)));
  EXPECT_FALSE(
      testing::same(first, trained("second", "{kind: layer_mean, top: 2, teachers: [b]}", b)));
}

TEST_F(StageOfTeachers, DoNotResumeWithAnother) {
  run("one", taught_by(kMean), b);
  try {
    distill_stage(
        taught_by(kMean),
        {2, space, teacher, nullptr, manifest, {{"b", c}}, {{"teachers.b", "a.yaml:3:5"}}},
        context("one"));
    FAIL();
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr(": inputs.teachers.b (a.yaml:3:5) was "));
  }
}

TEST_F(StageOfTeachers, HaveACacheForEachSetOfTeachers) {
  DistillOptions options = taught_by(kMean);
  options.cache = CacheDtype::kFp16;
  const auto run_in = [&](const std::string& name, const Supernet& second) {
    StageContext where = context(name);
    where.targets = folder.path / "targets";
    return distill_stage(options, {2, space, teacher, nullptr, manifest, {{"b", second}}}, where)
        .outcome.validation.sizes[0]
        .second.total;
  };
  const auto files = [&] {
    return std::distance(std::filesystem::directory_iterator(folder.path / "targets"),
                         std::filesystem::directory_iterator());
  };
  const double first = run_in("first", b);
  const auto one = files();
  run_in("again", b);
  EXPECT_EQ(files(), one);
  EXPECT_NE(run_in("other", c), first);
  EXPECT_EQ(files(), 2 * one);
}

TEST_F(StageOfTeachers, ShareABodyUnderALayerEach) {
  const DistillOptions options = taught_by(
      "{kind: sum, of: [{kind: layer_mean, top: 2, head_layer: true}, {kind: layer_mean, top: 2, "
      "teachers: [b], head_layer: true}]}");
  EXPECT_TRUE(run("cerberus", options, b).outcome.finished);
}

TEST_F(StageOfTeachers, UnknownOnesAreNamed) {
  try {
    run("unknown", taught_by("{kind: layer_mean, top: 2, teachers: [bb]}"), b);
    FAIL();
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("stage2.objective.teachers: unknown teacher"));
  }
}

}  // namespace
}  // namespace concertina
