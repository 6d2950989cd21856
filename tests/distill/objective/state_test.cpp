// State of objectives: in checkpoints, unchanged by refused steps, the same on several processes.
#include <gtest/gtest.h>

#include <limits>
#include <thread>

#include "core/errors.h"
#include "core/hash.h"
#include "distill/objective/layer_mean.h"
#include "distill/objective/objective_file.h"
#include "distill/train/trainer.h"
#include "tests/distill/objective/parsed.h"
#include "tests/distill/thread_communicator.h"
#include "tests/distill/training.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;
using testing::StopAt;
using testing::tiny_training;

// Keeps the last five utterance means of the goal, as a queue does. From call `poisoned` of loss() on
// one call in three gives NaN.
class Queue : public LayerMeanObjective {
 public:
  explicit Queue(int32_t poisoned = 0)
      : LayerMeanObjective({1, Distance::kMse, true, 2, 32, 32}), poisoned_(poisoned) {}
  TensorMap initial_state(const RowSampler&, const Rng&) const override {
    return {{"queue", at::zeros({5, 32})}, {"count", at::zeros({1}, at::kLong)}};
  }
  TensorMap observed(const TensorMap& goal, const StepData&) const override {
    return {{"keys", goal.begin()->second.mean(1)}};
  }
  TensorMap next_state(const TensorMap& observed, const StepData& step) const override {
    const at::Tensor& keys = observed.at("keys");
    return {{"queue", at::cat({step.state.at("queue"), keys}).slice(0, -5)},
            {"count", step.state.at("count") + keys.size(0)}};
  }
  LossBreakdown loss(const LossInput& input) const override {
    LossBreakdown result = LayerMeanObjective::loss(input);
    if (poisoned_ > 0 && ++calls_ >= poisoned_ && calls_ % 3 == 0)
      result.total = result.total * std::numeric_limits<double>::quiet_NaN();
    return result;
  }

 private:
  int32_t poisoned_;
  mutable int32_t calls_ = 0;
};

class ObjectiveState : public testing::Training {
 protected:
  std::unique_ptr<Learner> learner(int32_t poisoned = 0) const {
    auto objective = std::make_unique<Queue>(poisoned);
    auto heads = objective->parameters(Rng(1));
    return std::make_unique<Learner>(
        Learner::Setup{.student = Supernet::random(space, Rng(2)),
                       .objective = std::move(objective),
                       .heads = std::move(heads),
                       .sampler = make_sampler({}, space, 9, Rng(3)),
                       .teachers = {Supernet::random(testing::tiny_teacher(space), Rng(1))},
                       .steps = 9});
  }
  // Of an objective from YAML, whose statistics are the same in all processes.
  std::unique_ptr<Learner> learner_of(const char* yaml) const {
    auto objective = make_objective(
        testing::options_of(yaml),
        {.teachers = {{2, 32, 8}}, .student_depth = 2, .student_dim = 32, .student_head_dim = 8});
    auto heads = objective->parameters(Rng(1));
    return std::make_unique<Learner>(Learner::Setup{
        .student = Supernet::random(space, Rng(2)),
        .objective = std::move(objective),
        .heads = std::move(heads),
        .sampler = make_sampler({}, space, 9, Rng(3)),
        .teachers = {Supernet::random(testing::tiny_teacher(space), Rng(1))},
        .statistics = make_batch_source(
            {statistics.training, space.blueprint(), statistics.options, {}, Rng(6)}),
        .steps = 9});
  }
  // Trains with crops of one shard; several shards share their gradients.
  TrainOutcome train(Learner& learner, const fs::path& to, BatchShard shard,
                     Communicator& communicator, TrainObserver* observer = nullptr,
                     const StopToken& stop = {}) const {
    TrainOptions options = tiny_training(9);
    options.validate_every = 0;
    options.batch.crops = 4 / shard.count;
    const StageData data = stage_data(manifest, space.blueprint(), options.batch);
    const auto crops =
        make_batch_source({data.training, space.blueprint(), options.batch, {}, Rng(4), shard});
    const CheckpointFolder checkpoints(to, "recipe");
    std::vector<TrainObserver*> observers;
    if (observer != nullptr) observers = {observer};
    return Trainer({learner, *crops, *crops, options, checkpoints, observers, communicator})
        .run(stop);
  }
  std::unique_ptr<Communicator> alone = single_process_communicator();
  StageData statistics = stage_data(manifest, space.blueprint(), tiny_training(9).batch);
};

TEST_F(ObjectiveState, IsResumedToTheByte) {
  const auto whole = learner();
  train(*whole, folder.path / "whole", {}, *alone);
  EXPECT_EQ(whole->state().at("count").item<int64_t>(), 36);
  StopAt stop(4, StopReason::kTerminate);
  EXPECT_THROW(train(*learner(), folder.path / "parts", {}, *alone, &stop, stop.source.token()),
               Interrupted);
  const auto resumed = learner();
  train(*resumed, folder.path / "parts", {}, *alone);
  EXPECT_TRUE(testing::same(resumed->state(), whole->state()));
  const char* file = "step-000000009.safetensors";
  EXPECT_EQ(sha256_file(folder.path / "parts" / file), sha256_file(folder.path / "whole" / file));
}

TEST_F(ObjectiveState, IsUnchangedByRefusedSteps) {
  const auto trained = learner(2);
  const TrainOutcome outcome = train(*trained, folder.path / "checkpoint", {}, *alone);
  EXPECT_EQ(outcome.state.skipped, 3);
  EXPECT_EQ(trained->state().at("count").item<int64_t>(), 4 * 6);
}

TEST_F(ObjectiveState, IsTheSameOnTwoProcesses) {
  const auto one = learner(), two = learner(), other = learner();
  train(*one, folder.path / "one", {}, *alone);
  testing::ThreadGroup group(2);
  const auto rank = [&](Learner& trained, int32_t index) {
    testing::ThreadCommunicator communicator(group, index);
    train(trained, folder.path / "two", {index, 2}, communicator);
  };
  std::thread second(rank, std::ref(*other), 1);
  rank(*two, 0);
  second.join();
  EXPECT_TRUE(testing::same(two->state(), other->state()));
  EXPECT_EQ(two->state().at("count").item<int64_t>(), 36);
  const at::Tensor difference = two->state().at("queue") - one->state().at("queue");
  EXPECT_LT(difference.abs().max().item<double>(), 1e-4);
}

// Of objectives that have one: a queue, prototypes and memories. Four crops of one process are two of each
// of two, in losses too.
TEST_F(ObjectiveState, OfObjectivesIsTheSameOnTwoProcesses) {
  for (const char* yaml : {"{kind: contrastive, queue: 10}", "{kind: prototypes, count: 4}",
                           "{kind: cka, intra: 0, global: 1, memory: 4}"}) {
    SCOPED_TRACE(yaml);
    fs::remove_all(folder.path / "one");
    fs::remove_all(folder.path / "two");
    const auto one = learner_of(yaml), two = learner_of(yaml), other = learner_of(yaml);
    testing::Recorder of_one, of_two;
    train(*one, folder.path / "one", {}, *alone, &of_one);
    testing::ThreadGroup group(2);
    const auto rank = [&](Learner& trained, int32_t index, TrainObserver* observer) {
      testing::ThreadCommunicator communicator(group, index);
      train(trained, folder.path / "two", {index, 2}, communicator, observer);
    };
    std::thread second(rank, std::ref(*other), 1, nullptr);
    rank(*two, 0, &of_two);
    second.join();
    EXPECT_TRUE(testing::same(two->state(), other->state()));
    ASSERT_EQ(two->state().size(), one->state().size());
    for (const auto& [name, tensor] : one->state()) {
      const at::Tensor& there = two->state().at(name);
      ASSERT_EQ(there.sizes(), tensor.sizes()) << name;
      EXPECT_LT((there - tensor).abs().max().item<double>(), 1e-4) << name;
      EXPECT_GT(std::get<0>(tensor.abs().min(0)).max().item<double>(), 0) << name;  // of every row
    }
    ASSERT_EQ(of_one.steps.size(), 9U);
    ASSERT_EQ(of_two.steps.size(), 9U);
    for (size_t i = 0; i < of_one.steps.size(); ++i)
      EXPECT_NEAR(of_two.steps[i].loss.total, of_one.steps[i].loss.total, 1e-4) << i;
    EXPECT_GT(of_one.steps.back().loss.total, 1e-3);
  }
}

// Statistics of the corpus are computed once: a resumed run and the objective's file have them.
TEST_F(ObjectiveState, StatisticsAreInCheckpointsAndFiles) {
  const Supernet teacher = Supernet::random(testing::tiny_teacher(space), Rng(1));
  DistillOptions options;
  options.train = tiny_training(6);
  options.sampler.kind = SamplerKind::kSandwich;
  options.sampler.in_place = true;
  options.sampler.in_place_weight = 0.5;
  options.cache = CacheDtype::kFp16;
  options.objective = testing::options_of("{kind: layer_pairs}");
  const auto train_in = [&](StageContext where) {
    where.targets = folder.path / "targets";
    return distill_stage(options, {2, space, teacher, nullptr, manifest}, where);
  };
  train_in(context("whole"));
  StageContext parts = context("parts");
  StopAt stop(2, StopReason::kTimeUp);
  parts.observers = {&stop};
  parts.stop = stop.source.token();
  EXPECT_FALSE(train_in(parts).outcome.finished);
  parts.observers.clear();
  parts.stop = {};
  train_in(parts);
  for (const char* name :
       {"model.safetensors", "objective.safetensors", "checkpoint/step-000000006.safetensors"}) {
    EXPECT_EQ(sha256_file(folder.path / "whole" / name), sha256_file(folder.path / "parts" / name));
  }
  const TrainedObjective trained = load_objective(folder.path / "whole" / "objective.safetensors");
  ASSERT_EQ(trained.state.size(), 4U);  // mean and std of two layers
  EXPECT_GT(trained.state.at("0/hidden:2/std").min().item<double>(), 0);
}

}  // namespace
}  // namespace concertina
