// Two processes of one run, as threads.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <thread>
#include <vector>

#include "core/hash.h"
#include "distill/objective/layer_mean.h"
#include "distill/train/trainer.h"
#include "distill/train/validation.h"
#include "tests/distill/thread_communicator.h"
#include "tests/distill/training.h"

namespace concertina {
namespace {

using testing::Recorder;
using testing::ThreadCommunicator;
using testing::tiny_training;

// The same batch at every step.
class OneBatch : public BatchSource {
 public:
  OneBatch(int64_t rows, int64_t samples, uint64_t seed) {
    crops_.speech = make_batch(testing::tones(rows, samples, seed).contiguous());
    crops_.seconds = static_cast<double>(rows * samples) / 16000;
  }
  TrainingBatch at(int64_t) const override { return crops_; }
  int64_t batch_count(int32_t) const override { return 1; }

 private:
  TrainingBatch crops_;
};

// Batches of different lengths, in turn.
class BatchList : public BatchSource {
 public:
  explicit BatchList(std::vector<const BatchSource*> batches) : batches_(std::move(batches)) {}
  TrainingBatch at(int64_t step) const override {
    return batches_[static_cast<size_t>(step) % batches_.size()]->at(0);
  }
  int64_t batch_count(int32_t) const override { return std::ssize(batches_); }

 private:
  std::vector<const BatchSource*> batches_;
};

class TwoProcesses : public testing::Training {
 protected:
  std::unique_ptr<Learner> learner() const {
    const LayerMeanSpec spec{2, Distance::kL1, true, 2, 32, 32};
    auto objective = std::make_unique<LayerMeanObjective>(spec);
    auto heads = objective->parameters(Rng(1));
    return std::make_unique<Learner>(
        Learner::Setup{.student = Supernet::random(space, Rng(2)),
                       .objective = std::move(objective),
                       .heads = std::move(heads),
                       .sampler = make_sampler({}, space, 1, Rng(3)),
                       .teachers = {Supernet::random(testing::tiny_teacher(space), Rng(1))}});
  }
  using Batches = std::vector<const BatchSource*>;

  // One step of a process for each list, on all batches of the list.
  StepReport step(const std::vector<Batches>& of_processes) {
    std::filesystem::remove_all(folder.path / "checkpoint");
    testing::ThreadGroup group(static_cast<int32_t>(of_processes.size()));
    Recorder recorder;
    const auto train = [&](int32_t rank) {
      const auto trained = learner();
      const CheckpointFolder checkpoints(folder.path / "checkpoint", "{}");
      ThreadCommunicator communicator(group, rank);
      std::vector<TrainObserver*> observers;
      if (rank == 0) observers = {&recorder};
      const BatchList batches(of_processes[static_cast<size_t>(rank)]);
      TrainOptions options = tiny_training(1);
      options.accumulate = static_cast<int32_t>(of_processes.front().size());
      Trainer({*trained, batches, long_batch, options, checkpoints, observers, communicator})
          .run({});
    };
    std::vector<std::jthread> others;
    for (int32_t rank = 1; rank < std::ssize(of_processes); ++rank) {
      others.emplace_back(train, rank);
    }
    train(0);
    others.clear();
    EXPECT_EQ(recorder.steps.size(), 1U);
    return recorder.steps.at(0);
  }

  // The loss and the gradient are means over all audio.
  void expect_mean(const StepReport& report, const Batches& batches) {
    const auto alone = single_process_communicator();
    const auto expected = learner();
    Gradients gradients(expected->parameters());
    GradientReducer reducer(*alone, expected->parameters(), gradients);
    double audio = 0, loss = 0;
    for (const BatchSource* batch : batches) audio += batch->at(0).seconds;
    for (const BatchSource* batch : batches) {
      const TrainingBatch crops = batch->at(0);
      const double share = crops.seconds / audio;
      loss += share * expected->learn(crops, 0, reducer, share).total.item<double>();
      reducer.finish();
    }
    EXPECT_NEAR(report.loss.total, loss, 1e-6 * loss);
    const double norm = gradients.norm().item<double>();
    EXPECT_NEAR(report.grad_norm, norm, 1e-4 * norm);
  }
  OneBatch long_batch{3, 16000, 1}, short_batch{1, 8000, 2};
};

TEST_F(TwoProcesses, AreWeightedByTheirAudio) {
  expect_mean(step({{&long_batch}, {&short_batch}}), {&long_batch, &short_batch});
}

TEST_F(TwoProcesses, AccumulatedBatchesAreWeightedByTheirAudio) {
  const StepReport one = step({{&long_batch, &short_batch}});
  expect_mean(one, {&long_batch, &short_batch});
  EXPECT_NE(one.grad_norm, step({{&long_batch}}).grad_norm);
  expect_mean(step({{&long_batch, &short_batch}, {&short_batch, &short_batch}}),
              {&long_batch, &short_batch, &short_batch, &short_batch});
}

// ZeRO stage 1: each process has half of the moments, and files and weights have the same bytes.
TEST_F(TwoProcesses, ShardedMomentsEndInTheSameBytes) {
  const auto train = [&](int32_t processes, bool sharded, int64_t steps, const char* name) {
    testing::ThreadGroup group(processes);
    const auto one = [&](int32_t rank) {
      const auto trained = learner();
      const CheckpointFolder checkpoints(folder.path / name, "{}");
      ThreadCommunicator communicator(group, rank);
      TrainOptions options = tiny_training(steps);
      options.optimizer.sharded = sharded;
      options.ema.decay = 0.9;
      const OneBatch& batch = rank == 0 ? long_batch : short_batch;
      Trainer({*trained, batch, long_batch, options, checkpoints, {}, communicator}).run({});
    };
    std::vector<std::jthread> others;
    for (int32_t rank = 1; rank < processes; ++rank) others.emplace_back(one, rank);
    one(0);
    others.clear();
    return sha256_file(folder.path / name / fmt::format("step-{:09}.safetensors", steps));
  };
  const std::string expected = train(2, false, 6, "whole");
  EXPECT_EQ(train(2, true, 6, "sharded"), expected);
  // A run with other shards, or none, resumes; one batch more makes no difference to three ranks.
  const std::string next = train(2, false, 9, "whole");
  EXPECT_EQ(train(2, true, 9, "sharded"), next);
  train(2, true, 6, "alternating");
  EXPECT_EQ(train(2, false, 9, "alternating"), next);
  const std::string by_three = train(3, false, 11, "whole");
  EXPECT_EQ(train(3, true, 11, "sharded"), by_three);
}

TEST_F(TwoProcesses, ValidationIsAMeanOverFrames) {
  const auto scored = learner();
  const auto alone = single_process_communicator();
  const auto losses_on = [&](std::vector<const BatchSource*> batches) {
    return validation_losses(*scored, BatchList(std::move(batches)), 8, *alone)[0].second;
  };
  const LossValues one = losses_on({&long_batch}), other = losses_on({&short_batch});
  ASSERT_GT(std::abs(one.total - other.total), 1e-4);
  EXPECT_EQ(one.standard_error, 0);
  const LossValues both = losses_on({&long_batch, &short_batch});
  const double mean = (one.total * 6 + other.total) / 7;
  EXPECT_NEAR(both.total, mean, 1e-6);
  const double variance = (6 * std::pow(one.total - mean, 2) + std::pow(other.total - mean, 2)) / 7;
  EXPECT_NEAR(both.standard_error, std::sqrt(variance), 1e-6);
}

}  // namespace
}  // namespace concertina
