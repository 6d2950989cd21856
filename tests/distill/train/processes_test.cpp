// Two processes of one run, played by two threads.
#include <gtest/gtest.h>

#include <array>
#include <barrier>
#include <thread>

#include "distill/objective/layer_mean.h"
#include "distill/train/trainer.h"
#include "distill/train/validation.h"
#include "tests/distill/training.h"

namespace concertina {
namespace {

using testing::Recorder;
using testing::tiny_training;

struct Meeting {
  std::barrier<> barrier{2};
  std::array<at::Tensor, 2> tensors;
};

class ThreadCommunicator : public Communicator {
 public:
  ThreadCommunicator(Meeting& meeting, int32_t rank) : meeting_(meeting), rank_(rank) {}
  int32_t rank() const override { return rank_; }
  int32_t size() const override { return 2; }
  Wait begin_sum(const at::Tensor& tensor) override {
    return [this, tensor] {
      const auto both = exchange(tensor);
      tensor.copy_(both[0] + both[1]);
    };
  }
  void broadcast(const at::Tensor& tensor) override { tensor.copy_(exchange(tensor)[0]); }
  void first_does(const std::function<void()>& work) override {
    if (first()) work();
    barrier();
  }

 private:
  std::array<at::Tensor, 2> exchange(const at::Tensor& tensor) {
    meeting_.tensors[static_cast<size_t>(rank_)] = tensor.clone();
    meeting_.barrier.arrive_and_wait();
    const auto both = meeting_.tensors;
    meeting_.barrier.arrive_and_wait();
    return both;
  }
  Meeting& meeting_;
  int32_t rank_;
};

// The same batch at every step.
class OneBatch : public BatchSource {
 public:
  OneBatch(int64_t rows, int64_t samples, uint64_t seed) {
    crops_.speech = make_batch(testing::tones(rows, samples, seed).contiguous());
    crops_.seconds = static_cast<double>(rows * samples) / 16000;
  }
  Crops at(int64_t) const override { return crops_; }
  int64_t batches_of(int32_t) const override { return 1; }

 private:
  Crops crops_;
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
                       .teacher = Supernet::random(testing::tiny_teacher(space), Rng(1))});
  }
  OneBatch long_batch{3, 16000, 1}, short_batch{1, 8000, 2};
};

TEST_F(TwoProcesses, CountForTheAudioTheyHave) {
  Meeting meeting;
  Recorder recorder;
  const auto train = [&](int32_t rank) {
    const auto trained = learner();
    const CheckpointFolder checkpoints(folder.path / "checkpoint", "{}");
    ThreadCommunicator communicator(meeting, rank);
    std::vector<TrainObserver*> observers;
    if (rank == 0) observers = {&recorder};
    const OneBatch& batch = rank == 0 ? long_batch : short_batch;
    Trainer(*trained, batch, batch, tiny_training(1), checkpoints, observers, communicator).run({});
  };
  std::thread other(train, 1);
  train(0);
  other.join();

  const auto alone = lone_communicator();
  const auto expected = learner();
  Gradients gradients(expected->parameters());
  GradientExchange exchange(*alone, expected->parameters(), gradients);
  const double audio = long_batch.at(0).seconds + short_batch.at(0).seconds;
  double loss = 0;
  for (const OneBatch* batch : {&long_batch, &short_batch}) {
    const Crops crops = batch->at(0);
    const double share = crops.seconds / audio;
    loss += share * expected->learn(crops, 0, exchange, share).total.item<double>();
    exchange.finish();
  }
  ASSERT_EQ(recorder.steps.size(), 1U);
  EXPECT_NEAR(recorder.steps[0].loss.total, loss, 1e-6 * loss);
  const double norm = gradients.norm().item<double>();
  EXPECT_NEAR(recorder.steps[0].grad_norm, norm, 1e-4 * norm);
}

// Validation batches of unlike length.
class Unlike : public BatchSource {
 public:
  explicit Unlike(std::vector<const BatchSource*> batches) : batches_(std::move(batches)) {}
  Crops at(int64_t step) const override { return batches_[static_cast<size_t>(step)]->at(0); }
  int64_t batches_of(int32_t) const override { return std::ssize(batches_); }

 private:
  std::vector<const BatchSource*> batches_;
};

TEST_F(TwoProcesses, ValidationIsAMeanOverFrames) {
  const auto scored = learner();
  const auto alone = lone_communicator();
  const auto loss_on = [&](std::vector<const BatchSource*> batches) {
    return losses_of_sizes(*scored, Unlike(std::move(batches)), 8, *alone)[0].second.total;
  };
  const double one = loss_on({&long_batch}), other = loss_on({&short_batch});
  ASSERT_GT(std::abs(one - other), 1e-4);
  EXPECT_NEAR(loss_on({&long_batch, &short_batch}), (one * 6 + other) / 7, 1e-6);
}

}  // namespace
}  // namespace concertina
