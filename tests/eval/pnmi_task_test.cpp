// PNMI of phones as a task.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "eval/tasks.h"
#include "tests/eval/toy_corpus.h"

namespace concertina {
namespace {

TaskOptions pnmi_options() {
  TaskOptions options;
  options.tasks = {"pnmi"};
  options.pr_every = 1;
  return options;
}

// Coefficients of one frame, and a layer of them in another order of frames.
std::vector<ClipFeatures> tones_and_noise(const std::vector<std::vector<float>>& clips) {
  std::vector<ClipFeatures> all = mfcc_baseline_features()(clips);
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(3);
  for (ClipFeatures& each : all) {
    const at::Tensor frames = each.layers.narrow(2, 8 * 20, 20);
    each.layers =
        at::cat({frames.index_select(1, at::randperm(frames.size(1), generator)), frames});
  }
  return all;
}

std::vector<ClipFeatures> noise_alone(const std::vector<std::vector<float>>& clips) {
  std::vector<ClipFeatures> all = tones_and_noise(clips);
  for (ClipFeatures& each : all) each.layers = each.layers.narrow(0, 0, 1);
  return all;
}

TEST(Pnmi, OfTonesIsHighAndOfShuffledFramesLow) {
  const testing::ToyCorpus corpus("pnmi", 3, 10);
  const auto right =
      score_tasks(corpus.manifest(), tones_and_noise, pnmi_options(), Split::kTest, {});
  ASSERT_EQ(right.size(), 1u);
  EXPECT_EQ(right[0].metric, "pnmi.phones");
  EXPECT_GT(right[0].value, 0.8) << right[0].setting;
  EXPECT_LE(right[0].value, 1 + 1e-9);
  EXPECT_EQ(right[0].setting.find("layer 1"), 0u) << right[0].setting;
  ASSERT_EQ(right[0].layers.size(), 2u);
  EXPECT_LT(right[0].layers[0], right[0].layers[1]);
  const auto wrong = score_tasks(corpus.manifest(), noise_alone, pnmi_options(), Split::kTest, {});
  EXPECT_LT(wrong[0].value, 0.3);
}

TEST(Pnmi, IsTheSameOnOneAndTwoThreads) {
  const testing::ToyCorpus corpus("pnmi-threads", 2, 5);
  const PreparedTasks prepared(corpus.manifest(), pnmi_options(), Split::kDev);
  const int before = at::get_num_threads();
  std::vector<double> values;
  for (const int threads : {1, 2}) {
    at::set_num_threads(threads);
    values.push_back(prepared.score(tones_and_noise, Intervals::kNone, {}).at(0).value);
  }
  at::set_num_threads(before);
  EXPECT_EQ(values[0], values[1]);
}

}  // namespace
}  // namespace concertina
