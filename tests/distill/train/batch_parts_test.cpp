// Batches in parts that are trained on concurrently.
#include "distill/train/batch_parts.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <stdexcept>
#include <thread>

#include "supernet/nn/one_thread_each.h"
#include "tests/distill/one_step.h"
#include "tests/distill/training.h"

namespace concertina {
namespace {

using testing::batch_of;
using testing::layer_mean_learner;

TEST(BatchParts, AreWholeRowsOfEveryTensor) {
  const Blueprint blueprint = testing::tiny_space().blueprint();
  TrainingBatch batch = batch_of(testing::tones(4, 8000, 5));
  batch.units = at::arange(8).view({4, 2});
  batch.rows["0/hidden:1"] = at::rand({4, 3, 2});
  const auto parts = equal_parts(batch, blueprint, 2);
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_TRUE(
      at::cat({parts[0].speech.waveform, parts[1].speech.waveform}).equal(batch.speech.waveform));
  EXPECT_TRUE(parts[1].units.equal(batch.units.narrow(0, 2, 2)));
  EXPECT_TRUE(parts[1].rows.at("0/hidden:1").equal(batch.rows.at("0/hidden:1").narrow(0, 2, 2)));
  EXPECT_EQ(parts[0].speech.lengths.size(0), 2);
  EXPECT_DOUBLE_EQ(parts[0].seconds, batch.seconds / 2);
  EXPECT_EQ(equal_parts(batch, blueprint, 3).size(), 1U) << "rows do not divide";
  batch.speech.lengths = batch.speech.lengths.clone();
  batch.speech.lengths[0] = 4000;
  EXPECT_EQ(equal_parts(batch, blueprint, 2).size(), 1U) << "means over frames would differ";
}

TEST(BatchParts, RunOnOneThreadEach) {
  std::atomic<int> wide = 0, calls = 0;
  one_thread_each(3, [&](size_t) {
    ++calls;
    wide += at::get_num_threads() > 1;
  });
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(wide, 0);
  std::array<std::atomic<int>, 40> each{};
  one_thread_each(each.size(), [&](size_t i) { ++each.at(i); });
  for (const auto& times : each) EXPECT_EQ(times, 1);
  const int threads = at::get_num_threads();
  const auto fails = [](size_t i) {
    if (i == 1) throw std::runtime_error("one");
  };
  EXPECT_THROW(one_thread_each(2, fails), std::runtime_error);
  EXPECT_EQ(at::get_num_threads(), threads);
}

// ATen's first call on a thread of a new team made the number of threads that of the process again: the
// first step had garbage in the gradients of oneDNN's convolutions.
TEST(BatchParts, RunOnOneThreadEachInANewTeam) {
  const int threads = at::get_num_threads();
  at::set_num_threads(2);
  std::atomic<int> wide = 0;
  std::jthread([&] {
    one_thread_each(2, [&](size_t) {
      at::parallel_for(0, 1, 1, [](int64_t, int64_t) {});
      wide += at::get_num_threads() > 1;
    });
  }).join();
  at::set_num_threads(threads);
  EXPECT_EQ(wide, 0);
}

struct Step {
  at::Tensor gradient, touched;
  StepLoss loss;
};

// Two batches of one step, then another step: its gradients must not hold the first one's.
Step step_of(const SearchSpace& space, int32_t parts, bool in_place) {
  const auto learner = layer_mean_learner(space, [&](Learner::Setup& setup) {
    setup.parts = parts;
    setup.in_place = in_place ? 0.5 : 0;
  });
  const auto alone = single_process_communicator();
  Gradients gradients(learner->parameters());
  GradientReducer reducer(*alone, learner->parameters(), gradients);
  StepLoss loss;
  for (const int64_t step : {1, 2}) {
    gradients.zero();
    for (const uint64_t seed : {5, 6}) {
      loss = learner->learn(batch_of(testing::tones(4, 8000, seed)), step, reducer);
    }
    reducer.finish();
  }
  return {gradients.flat.clone(), gradients.touched.of(gradients.flat).clone(), loss};
}

TEST(BatchParts, GiveTheGradientOfTheWholeBatch) {
  for (const SearchSpace& space : {testing::tiny_space(), testing::tiny_wave_space()}) {
    for (const bool in_place : {false, true}) {
      const Step whole = step_of(space, 1, in_place);
      for (const int32_t parts : {2, 4}) {
        const Step divided = step_of(space, parts, in_place);
        const double scale = whole.gradient.abs().max().item<double>();
        EXPECT_LT((divided.gradient - whole.gradient).abs().max().item<double>(), 1e-5 * scale);
        EXPECT_TRUE(divided.touched.equal(whole.touched));
        EXPECT_NEAR(divided.loss.total.item<double>(), whole.loss.total.item<double>(), 1e-6);
        ASSERT_EQ(divided.loss.terms.size(), whole.loss.terms.size());
        for (size_t i = 0; i < whole.loss.terms.size(); ++i)
          EXPECT_EQ(divided.loss.terms[i].first, whole.loss.terms[i].first);
      }
      EXPECT_TRUE(step_of(space, 2, in_place).gradient.equal(step_of(space, 2, in_place).gradient));
    }
  }
}

}  // namespace
}  // namespace concertina
