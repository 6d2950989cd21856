// Options that controls of experiments need: fresh heads, and rows of other clips.
#include <gtest/gtest.h>

#include "core/errors.h"
#include "distill/objective/objective_file.h"
#include "supernet/model/model_file.h"
#include "tests/distill/one_step.h"
#include "tests/distill/training.h"

namespace concertina {
namespace {

TEST(RowsOfOtherClips, AreThoseOfTheRowBefore) {
  const SearchSpace space = testing::tiny_space();
  const auto learner = [&](bool others) {
    return testing::layer_mean_learner(
        space, [&](Learner::Setup& setup) { setup.rows_of_other_clips = others; });
  };
  const TrainingBatch batch = testing::batch_of(testing::tones(3, 8000, 1));
  const Supernet teacher = Supernet::random(testing::tiny_teacher(space), Rng(1));
  const Subnet net = teacher.slice(space.largest());
  TrainingBatch rolled = batch;
  rolled.rows = teacher_rows(learner(false)->objective().needs().rows, {&net, 1}, space.blueprint(),
                             batch.speech);
  for (auto& [name, row] : rolled.rows) row = at::cat({row.slice(0, 2, 3), row.slice(0, 0, 2)});
  const auto loss = [&](bool others, const TrainingBatch& given) {
    const auto made = learner(others);
    const auto alone = single_process_communicator();
    Gradients gradients(made->parameters());
    GradientReducer reducer(*alone, made->parameters(), gradients);
    return loss_values(made->learn(given, 0, reducer)).total;
  };
  EXPECT_NEAR(loss(true, batch), loss(false, rolled), 1e-5);
  EXPECT_GT(std::abs(loss(true, batch) - loss(false, batch)), 1e-5);
  EXPECT_THROW(loss(true, testing::batch_of(testing::tones(1, 8000, 1))), InputError);
}

class FreshHeads : public testing::Training {};

TEST_F(FreshHeads, AreNotThoseOfThePreviousStage) {
  const Supernet teacher = Supernet::random(testing::tiny_teacher(space), Rng(1));
  DistillOptions options = distill_defaults(1);
  options.train = testing::tiny_training(2);
  options.objective = layer_mean_options({.top = 2});
  distill_stage(options, {1, space, teacher, nullptr, manifest}, context("stage1"));
  const ModelWithHeads previous = load_model_with_heads(folder.path / "stage1");
  options.init = StudentInit::kPreviousStage;
  options.train.optimizer.rate_scales.heads = 0;
  const auto heads_are_those_of_stage_one = [&](const char* name, bool fresh) {
    options.fresh_heads = fresh;
    distill_stage(options, {2, space, teacher, &previous, manifest}, context(name));
    const TrainedObjective trained = load_objective(folder.path / name / "objective.safetensors");
    return testing::same(trained.heads, previous.heads);
  };
  EXPECT_TRUE(heads_are_those_of_stage_one("kept", false));
  EXPECT_FALSE(heads_are_those_of_stage_one("fresh", true));
}

TEST_F(FreshHeads, AreEnoughForAWarmStartFromAModelAlone) {
  const Supernet teacher = Supernet::random(testing::tiny_teacher(space), Rng(1));
  const Supernet start = Supernet::random(space, Rng(2));
  std::filesystem::create_directory(folder.path / "start");
  save_model(start, folder.path / "start/model.safetensors");
  DistillOptions options = distill_defaults(2);
  options.train = testing::tiny_training(1);
  options.train.init_from = folder.path / "start";
  options.train.optimizer.rate_scales.layers = 0;
  options.init = StudentInit::kFolder;
  options.objective = layer_mean_options({.top = 2});
  const auto trained = [&](const char* name) {
    return distill_stage(options, {2, space, teacher, nullptr, manifest}, context(name)).model;
  };
  EXPECT_THROW(trained("without_heads"), InputError);
  options.fresh_heads = true;
  EXPECT_TRUE(testing::same(trained("fresh").weights(), start.weights()));
}

}  // namespace
}  // namespace concertina
