// Training on another device than the CPU: the same results, and no step that waits for the device.
#include <gtest/gtest.h>

#include <limits>

#include "core/log.h"
#include "distill/distill.h"
#include "distill/objective/layer_mean.h"
#include "distill/pretrain/pretrain.h"
#include "distill/train/step_guard.h"
#include "tests/distill/tiny.h"
#include "tests/fake_device.h"

namespace concertina {
namespace {

using testing::fake_device;
using testing::host_waits;
using testing::other_device;

DistillOptions options_of(int64_t steps) {
  DistillOptions options;
  options.train.steps = steps;
  options.train.dtype = Precision::kFp32;
  options.train.batch = {.crops = 2, .seconds = 0.5, .source_weight = {}};
  options.train.validate_every = 0;
  options.train.validation_crops = 2;
  options.objective = layer_mean_options({.top = 2});
  options.sampler.kind = SamplerKind::kSandwich;
  options.sampler.in_place = true;
  options.mask.probability = 0.3;
  options.mask.length = 4;
  return options;
}

class OnDevice : public ::testing::Test {
 protected:
  void SetUp() override { set_log_level(LogLevel::kOff); }
  StageContext context(at::Device device) {
    StageContext result;
    result.folder = folder.path / std::to_string(++runs);
    result.seed = 5;
    result.device = device;
    return result;
  }
  StageResult distill(const SearchSpace& space, const DistillOptions& options, at::Device device) {
    const Supernet teacher = Supernet::random(testing::tiny_teacher(space), Rng(1));
    return distill_stage(options, {2, space, teacher, nullptr, manifest}, context(device));
  }
  testing::TempFolder folder{"device"};
  Manifest manifest = testing::tiny_corpus(folder.path);
  int runs = 0;
};

void expect_near(const Supernet& a, const Supernet& b) {
  for (const auto& [name, tensor] : a.weights()) {
    EXPECT_LE((tensor - b.weights().at(name)).abs().max().item<double>(), 2e-5) << name;
  }
}

TEST_F(OnDevice, ADistilledSupernetIsTheSameAsOnTheCpu) {
  const SearchSpace wave = testing::tiny_wave_space();
  for (const SearchSpace& space :
       {testing::tiny_space(), wave,
        SearchSpace(wave.blueprint(), wave.choices(), {}, SlicingRule::kLightHubert)}) {
    const DistillOptions options = options_of(4);
    const StageResult on_cpu = distill(space, options, at::kCPU);
    const StageResult on_device = distill(space, options, other_device());
    expect_near(on_cpu.model, on_device.model);
    const std::vector<double>&there = on_device.outcome.state.mean_loss,
          &here = on_cpu.outcome.state.mean_loss;
    ASSERT_EQ(there.size(), here.size());
    for (size_t i = 0; i < here.size(); ++i) EXPECT_NEAR(there[i], here[i], 1e-5);
    EXPECT_EQ(on_device.outcome.state.audio_s, on_cpu.outcome.state.audio_s);
  }
}

TEST_F(OnDevice, CachedTargetsAreUploaded) {
  DistillOptions options = options_of(3);
  options.cache = CacheDtype::kFp16;
  const SearchSpace space = testing::tiny_space();
  expect_near(distill(space, options, at::kCPU).model,
              distill(space, options, other_device()).model);
}

TEST_F(OnDevice, ATeacherIsTheSameAsOnTheCpu) {
  PretrainOptions options;
  options.train = options_of(4).train;
  options.units.clusters = 8;
  options.units.sample_frames = 400;
  options.layers = {1};
  const SearchSpace space = testing::tiny_wave_space();
  const StageResult on_cpu = pretrain_teacher(options, space, manifest, context(at::kCPU));
  const StageResult on_device = pretrain_teacher(options, space, manifest, context(other_device()));
  expect_near(on_cpu.model, on_device.model);
}

TEST_F(OnDevice, NoStepWaitsForTheDevice) {
  if (!other_device().is_privateuseone()) GTEST_SKIP() << "the fake device alone counts waits";
  for (const SearchSpace& space : {testing::tiny_space(), testing::tiny_wave_space()}) {
    const auto waits_of = [&](int64_t steps) {
      const int64_t before = host_waits();
      distill(space, options_of(steps), fake_device());
      return host_waits() - before;
    };
    const int64_t few = waits_of(2);  // setting up, saving, validating
    EXPECT_GT(few, 0);
    EXPECT_EQ(waits_of(9), few);
  }
}

TEST(StepGuard, SkipsNonFiniteAndExplodingLosses) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  for (const at::Device device : {at::Device(at::kCPU), other_device()}) {
    const auto number = [&](double value) {
      return at::full({}, value, at::TensorOptions(device).dtype(at::kDouble));
    };
    OptimizerOptions options;
    options.clip = 2;
    options.guard = 5;
    StepGuard guard(options, device);
    const auto scale = [&](double loss, double norm, int64_t step) {
      return guard.gradient_scale(number(loss).view({1}), number(norm), step).item<double>();
    };
    EXPECT_EQ(scale(10, 1, 0), 1);
    EXPECT_NEAR(scale(10, 4, 1), 0.5, 1e-6);
    EXPECT_TRUE(std::isnan(scale(kNan, 1, 2)));
    EXPECT_TRUE(std::isnan(scale(10, kNan, 3)));
    EXPECT_EQ(guard.means().item<double>(), 10);
    EXPECT_EQ(scale(1000, 1, StepGuard::kGuardAfter - 1), 1);  // 10 and 1000: 59.5
    EXPECT_TRUE(std::isnan(scale(297.6, 1, StepGuard::kGuardAfter)));
    EXPECT_EQ(scale(297.4, 1, StepGuard::kGuardAfter), 1);
    guard.restore({1});
    EXPECT_TRUE(std::isnan(scale(5.1, 1, StepGuard::kGuardAfter)));
  }
}

}  // namespace
}  // namespace concertina
