#include "distill/train/weight_average.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "core/files.h"
#include "core/hash.h"
#include "distill/objective/layer_mean.h"
#include "supernet/model/model_file.h"
#include "tests/distill/training.h"
#include "tests/fake_device.h"

namespace concertina {
namespace {

using testing::other_device;
using testing::same;
using testing::StopAt;
using testing::tiny_pretraining;
using testing::tiny_training;
using testing::Training;

Parameters parameters_on(at::Device device) {
  return Parameters({{"a", at::zeros({50, 4})}, {"b", at::zeros({9})}}, device);
}

at::Tensor number(double value, at::Device device) {
  return at::full({}, value, at::TensorOptions(device).dtype(at::kDouble));
}

// Rows 0..29 of `a` are reached twice, rows 30..49 once, `b` never.
TEST(WeightAverage, IsOverTheUpdatesOfEachElement) {
  for (const at::Device device : {at::Device(at::kCPU), other_device()}) {
    const Parameters parameters = parameters_on(device);
    Gradients gradients(parameters);
    WeightAverage average(parameters, 0.2);
    at::Tensor updates = at::zeros_like(parameters.flat(), at::kShort);
    const auto step = [&](int64_t rows, double value) {
      gradients.touched.clear();
      gradients.touched.add(gradients.views.at("a").narrow(0, 0, rows));
      parameters.views().at("a").narrow(0, 0, rows).fill_(value);
      updates.narrow(0, 0, rows * 4).add_(1);
      average.step(parameters, gradients, updates, number(1, device));
    };
    step(50, 1);  // ramp: 2 / 11 of the old
    step(30, 3);  // 0.2 < 3 / 12
    const at::Tensor a = average.views(parameters).at("a").cpu();
    const double first = 9.0 / 11, second = 0.2 * first + 0.8 * 3;
    EXPECT_TRUE(at::allclose(a.narrow(0, 0, 30), at::full({30, 4}, second))) << a[0];
    EXPECT_TRUE(at::allclose(a.narrow(0, 30, 20), at::full({20, 4}, first))) << a[30];
    EXPECT_TRUE(average.views(parameters).at("b").cpu().eq(0).all().item<bool>());

    const at::Tensor before = average.flat().cpu().clone();
    parameters.flat().fill_(7);
    average.step(parameters, gradients, updates,
                 number(std::numeric_limits<double>::quiet_NaN(), device));
    EXPECT_TRUE(average.flat().cpu().equal(before));
  }
}

TEST(WeightAverage, IsExchangedAndPutBack) {
  const Parameters parameters = parameters_on(at::kCPU);
  WeightAverage average(parameters, 0.9);
  parameters.flat().fill_(2);
  {
    const ExchangedWeights exchanged(parameters, &average);
    EXPECT_TRUE(parameters.views().at("a").eq(0).all().item<bool>());
    EXPECT_TRUE(average.flat().eq(2).all().item<bool>());
  }
  const ExchangedWeights nothing(parameters, nullptr);
  EXPECT_TRUE(parameters.flat().eq(2).all().item<bool>());
  EXPECT_TRUE(average.flat().eq(0).all().item<bool>());
}

// Interrupted twice.
void train_in_parts(const PretrainOptions& options, const SearchSpace& space,
                    const Manifest& manifest, StageContext parts) {
  StopAt first(3, StopReason::kTerminate), second(8, StopReason::kInterrupt);
  for (StopAt* stop : {&first, &second}) {
    parts.observers = {stop};
    parts.stop = stop->source.token();
    EXPECT_THROW(pretrain_teacher(options, space, manifest, parts), Interrupted);
  }
  parts.observers.clear();
  parts.stop = {};
  pretrain_teacher(options, space, manifest, parts);
}

TEST_F(Training, AveragedWeightsAreResumed) {
  PretrainOptions options = tiny_pretraining();
  options.train.ema = {.decay = 0.9, .save = SavedWeights::kEma};
  pretrain_teacher(options, space, manifest, context("whole"));
  train_in_parts(options, space, manifest, context("parts"));
  for (const char* file : {"model.safetensors", "objective.safetensors", "best/model.safetensors",
                           "best/objective.safetensors", "checkpoint/step-000000012.safetensors"}) {
    EXPECT_EQ(sha256_file(folder.path / "whole" / file), sha256_file(folder.path / "parts" / file))
        << file;
  }
}

TEST_F(Training, TheAverageChangesNoStepAndIsSavedOnDemand) {
  PretrainOptions options = tiny_pretraining();
  const auto train = [&](const std::string& name, EmaOptions ema) {
    options.train.ema = ema;
    return pretrain_teacher(options, space, manifest, context(name));
  };
  const StageResult plain = train("plain", {});
  const StageResult weights = train("weights", {.decay = 0.9});
  const StageResult ema = train("ema", {.decay = 0.9, .save = SavedWeights::kEma});
  EXPECT_TRUE(same(plain.model.weights(), weights.model.weights()));
  EXPECT_FALSE(same(plain.model.weights(), ema.model.weights()));
  EXPECT_TRUE(
      same(load_model(folder.path / "ema/model.safetensors").weights(), ema.model.weights()));

  const ValidationReport &of_weights = weights.outcome.validation, &of_ema = ema.outcome.validation;
  EXPECT_EQ(of_weights.other_weights, "ema");
  EXPECT_EQ(of_ema.other_weights, "weights");
  EXPECT_EQ(of_weights.sizes[0].second.total, plain.outcome.validation.sizes[0].second.total);
  EXPECT_EQ(of_weights.sizes[0].second.total, of_ema.other_sizes[0].second.total);
  EXPECT_EQ(of_weights.other_sizes[0].second.total, of_ema.sizes[0].second.total);
  EXPECT_NE(of_ema.sizes[0].second.total, of_ema.other_sizes[0].second.total);
  EXPECT_TRUE(plain.outcome.validation.other_sizes.empty());
  EXPECT_THAT(read_text(folder.path / "ema/metrics.jsonl"),
              ::testing::HasSubstr("\"validation_weights\":{\"largest\":"));
}

// What no sampled slice reached is equal in weights and average.
TEST_F(Training, TheAverageOfWhatIsNotTrainedIsTheInitialValue) {
  const Supernet teacher = Supernet::random(testing::tiny_teacher(space), Rng(1));
  DistillOptions options;
  options.train = tiny_training(6);
  options.objective = layer_mean_options({.top = 2});
  options.sampler.kind = SamplerKind::kRandom;
  const auto train = [&](const std::string& name, SavedWeights save) {
    options.train.ema = {.decay = 0.9, .save = save};
    return distill_stage(options, {2, space, teacher, nullptr, manifest}, context(name))
        .model.weights();
  };
  const TensorMap weights = train("weights", SavedWeights::kWeights);
  const TensorMap ema = train("ema", SavedWeights::kEma);
  for (const auto& [name, initial] : teacher.weights()) {
    const at::Tensor kept = weights.at(name).eq(initial);
    EXPECT_TRUE(ema.at(name).masked_select(kept).equal(initial.masked_select(kept))) << name;
  }
  EXPECT_FALSE(same(weights, ema));
}

}  // namespace
}  // namespace concertina
