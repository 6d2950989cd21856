#include "distill/train/trainer.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "core/errors.h"
#include "core/files.h"
#include "core/folder_lock.h"
#include "core/hash.h"
#include "core/log.h"
#include "distill/data/crops.h"
#include "distill/data/target_cache.h"
#include "distill/distill.h"
#include "distill/inheritance.h"
#include "distill/objective/layer_mean.h"
#include "distill/objective/objective_file.h"
#include "distill/pretrain/pretrain.h"
#include "distill/train/validation.h"
#include "supernet/model/model_file.h"
#include "supernet/model/safetensors.h"
#include "tests/distill/training.h"
#include "tests/fake_device.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;
using testing::Recorder;
using testing::same;
using testing::StopAt;
using testing::tiny_pretraining;
using testing::tiny_training;
using testing::Training;

TEST_F(Training, TeacherLearnsAndWritesItsFiles) {
  PretrainOptions options = tiny_pretraining();
  options.train.steps = 60;
  options.train.optimizer.lr = 5e-3;
  StageContext where = context("teacher");
  Recorder recorder;
  where.observers = {&recorder};
  const StageResult result = pretrain_teacher(options, space, manifest, where);
  EXPECT_TRUE(result.outcome.finished);
  EXPECT_LT(recorder.steps.back().loss.total, 0.8 * recorder.steps.front().loss.total);
  EXPECT_TRUE(
      same(load_model(where.folder / "model.safetensors").weights(), result.model.weights()));
  EXPECT_THAT(read_text(where.folder / "metrics.jsonl"),
              ::testing::HasSubstr("\"validation\":{\"largest\":"));
  EXPECT_THAT(read_text(where.folder / "config.yaml"),
              ::testing::HasSubstr("teacher:\n  steps: 60\n"));
  EXPECT_TRUE(load_objective(where.folder / "objective.safetensors")
                  .heads.contains("objective.heads.2.weight"));
}

// The second time with augmented crops.
class Resuming : public Training, public ::testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(Augmented, Resuming, ::testing::Bool());

TEST_P(Resuming, EqualsAnUninterruptedRunByteForByte) {
  PretrainOptions options = tiny_pretraining();
  if (GetParam()) {
    options.train.augment.mixing.probability = 0.5;
    options.train.augment.band_limit.probability = 0.3;
  }
  pretrain_teacher(options, space, manifest, context("whole"));

  StageContext parts = context("parts");
  StopAt first(3, StopReason::kTerminate), second(8, StopReason::kInterrupt);
  for (StopAt* stop : {&first, &second}) {
    parts.observers = {stop};
    parts.stop = stop->source.token();
    EXPECT_THROW(pretrain_teacher(options, space, manifest, parts), Interrupted);
  }
  parts.observers.clear();
  parts.stop = {};
  pretrain_teacher(options, space, manifest, parts);
  for (const char* file : {"model.safetensors", "objective.safetensors", "best/model.safetensors",
                           "best/objective.safetensors", "checkpoint/step-000000012.safetensors"}) {
    EXPECT_EQ(sha256_file(folder.path / "whole" / file), sha256_file(folder.path / "parts" / file))
        << file;
  }
}

TEST_F(Training, SupernetStageIsResumable) {
  const Supernet teacher = Supernet::random(testing::tiny_teacher(space), Rng(1));
  DistillOptions options;
  options.train = tiny_training(6);
  options.objective = layer_mean_options({.top = 2});
  options.sampler.kind = SamplerKind::kSandwich;
  options.sampler.in_place = true;
  options.mask.probability = 0.3;
  options.mask.length = 4;
  const StageResult whole =
      distill_stage(options, {2, space, teacher, nullptr, manifest}, context("whole"));
  ASSERT_EQ(whole.outcome.validation.sizes.size(), 3U);

  StageContext parts = context("parts");
  StopAt stop(2, StopReason::kTimeUp);
  parts.observers = {&stop};
  parts.stop = stop.source.token();
  EXPECT_FALSE(
      distill_stage(options, {2, space, teacher, nullptr, manifest}, parts).outcome.finished);
  parts.observers.clear();
  parts.stop = {};
  const StageResult resumed = distill_stage(options, {2, space, teacher, nullptr, manifest}, parts);
  EXPECT_TRUE(same(whole.model.weights(), resumed.model.weights()));
}

TEST_F(Training, AWhisperTeachesAWhisperAndALogMelStudent) {
  const SearchSpace whisper = testing::tiny_whisper_space();
  const Supernet teacher = Supernet::random(testing::tiny_teacher(whisper), Rng(1));
  DistillOptions options;
  options.train = tiny_training(4);
  options.objective = layer_mean_options({.top = 2});
  options.sampler.kind = SamplerKind::kSandwich;
  options.mask.probability = 0.3;
  options.mask.length = 4;
  const auto train = [&](const char* name, const SearchSpace& student) {
    return distill_stage(options, {2, student, teacher, nullptr, manifest}, context(name));
  };
  const StageResult trained = train("whisper", whisper);
  EXPECT_TRUE(trained.outcome.finished);
  const std::string positions = "encoder.embed_positions.weight";
  EXPECT_TRUE(trained.model.weights().at(positions).equal(teacher.weights().at(positions)));
  EXPECT_FALSE(trained.model.weights()
                   .at("encoder.conv1.weight")
                   .equal(teacher.weights().at("encoder.conv1.weight")));
  options.init = StudentInit::kRandom;  // norms elsewhere
  EXPECT_TRUE(train("log-mel", space).outcome.finished);
  options.cache = CacheDtype::kFp16;
  EXPECT_TRUE(train("cached", space).outcome.finished);
  options.cache = CacheDtype::kNone;
  options.train.batch.seconds = 0.6;
  try {
    train("too long", space);
    FAIL();
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("the model has 25 positions"));
  }
}

TEST_F(Training, CachedTargetsReplaceTheTeacher) {
  const Supernet teacher = Supernet::random(testing::tiny_teacher(space), Rng(1));
  DistillOptions options;
  options.train = tiny_training(12);
  options.train.dtype = Precision::kFp32;
  options.objective = layer_mean_options({.top = 2});
  const auto last_loss = [&](const char* name, CacheDtype cache) {
    options.cache = cache;
    return distill_stage(options, {1, space, teacher, nullptr, manifest}, context(name))
        .outcome.validation.sizes[0]
        .second.total;
  };
  const double asked = last_loss("asked", CacheDtype::kNone);
  EXPECT_NEAR(last_loss("fp16", CacheDtype::kFp16), asked, 0.1 * asked);
  EXPECT_NEAR(last_loss("int8", CacheDtype::kInt8), asked, 0.1 * asked);
  EXPECT_FALSE(fs::is_empty(folder.path / "int8" / "targets"));
  options.train.batch.whole_clips = true;
  options.train.batch.budget = 4;
  options.train.batch.longest = 2;
  EXPECT_NEAR(last_loss("whole", CacheDtype::kInt8), asked, 0.1 * asked);
}

// Training on windows with context and validation on crops without were on different scales.
TEST_F(Training, ValidationHasTargetsOfTheKindThatACacheHas) {
  const Supernet teacher = Supernet::random(testing::tiny_teacher(space), Rng(1));
  DistillOptions options;
  options.train = tiny_training(2);
  options.train.dtype = Precision::kFp32;
  options.train.validation_crops = 30;
  options.objective = layer_mean_options({.top = 2});
  options.cache = CacheDtype::kFp16;
  const StageContext where = context("cached");
  const StageResult result = distill_stage(options, {1, space, teacher, nullptr, manifest}, where);
  const double reported = result.outcome.validation.sizes[0].second.total;

  const StageData data = stage_data(manifest, space.blueprint(), options.train.batch);
  TrainedObjective trained = load_objective(where.folder / "objective.safetensors");
  const std::vector<Row> rows = trained.objective->needs().rows;
  std::vector<Parameters::Init> heads = trained.objective->parameters(Rng(1));
  for (Parameters::Init& head : heads) head.value = trained.heads.at(head.name);
  Learner learner({.student = result.model,
                   .objective = std::move(trained.objective),
                   .heads = std::move(heads),
                   .sampler = make_sampler({}, space, 1, Rng(3)),
                   .teachers = {teacher}});
  const auto cache = std::make_shared<const TargetCache>(
      folder.path / "dev",
      TargetCache::Source{data.validation,
                          {teacher.slice(teacher.space().largest())},
                          space.blueprint(),
                          rows,
                          options.train.batch,
                          "dev"},
      CacheDtype::kFp16, StopToken());
  const auto loss = [&](std::shared_ptr<const Targets> targets) {
    BatchContents contents;
    contents.targets = std::move(targets);
    const BatchInputs inputs{data.validation, space.blueprint(), options.train.batch, contents,
                             Rng(where.seed).fork("stage1").fork("validation")};
    const auto batches = make_batch_source(inputs);
    return validation_losses(learner, *batches, 30, *where.communicator)[0].second.total;
  };
  EXPECT_NEAR(reported, loss(cache), 1e-4 * reported);
  EXPECT_GT(std::abs(reported - loss(nullptr)), 1e-3 * reported);  // the teacher on the crops
}

TEST_F(Training, ChangedAudioHasItsOwnTargets) {
  const Supernet teacher = Supernet::random(testing::tiny_teacher(space), Rng(1));
  DistillOptions options;
  options.train = tiny_training(1);
  options.objective = layer_mean_options({.top = 2});
  options.cache = CacheDtype::kFp16;
  const auto caches_after = [&](const std::string& name) {
    StageContext where = context(name);
    where.targets = folder.path / "targets";
    distill_stage(options, {1, space, teacher, nullptr, manifest}, where);
    return std::distance(fs::directory_iterator(where.targets), fs::directory_iterator());
  };
  EXPECT_EQ(caches_after("first"), 1);
  EXPECT_EQ(caches_after("again"), 1);
  for (const Clip& clip : manifest.clips) {
    std::vector<float> samples(static_cast<size_t>(clip.samples));
    read_wav_segment(manifest.audio_path(clip), 0, samples);
    std::ranges::reverse(samples);
    write_wav(manifest.audio_path(clip), samples);
  }
  EXPECT_EQ(caches_after("reversed"), 2);
}

// 8 kHz blueprints received 16 kHz samples, and frames of 10 or 40 ms failed an assertion.
TEST_F(Training, OtherAudioThanThatOfCorporaIsRejected) {
  Blueprint slow = space.blueprint(), fine = space.blueprint(), coarse = space.blueprint();
  slow.sample_rate = 8000;
  fine.mel.stack = 1;
  coarse.mel.stack = 4;
  EXPECT_NO_THROW(check_audio(space.blueprint()));
  for (const Blueprint& blueprint : {slow, fine, coarse}) {
    EXPECT_THROW(check_audio(blueprint), InputError);
    SpaceChoices choices = space.choices();
    choices.frame_period_us = {blueprint.base_frame_period_us()};
    const SearchSpace other(blueprint, choices);
    EXPECT_THROW(pretrain_teacher(tiny_pretraining(), other, manifest, context("other")),
                 InputError);
    const Supernet teacher = Supernet::random(testing::tiny_teacher(other), Rng(1));
    DistillOptions options;
    options.train = tiny_training(2);
    EXPECT_THROW(distill_stage(options, {1, other, teacher, nullptr, manifest}, context("other")),
                 InputError);
    EXPECT_FALSE(fs::exists(folder.path / "other"));
  }
}

TEST_F(Training, StudentInheritsWhatFits) {
  const Supernet teacher = Supernet::random(testing::tiny_teacher(space), Rng(1));
  Supernet student = Supernet::random(space, Rng(2));
  const Inheritance result = inherit_weights(student, teacher);
  ASSERT_EQ(result.initial.size(), 1U);
  EXPECT_THAT(result.initial.at("not in the older model"),
              ::testing::Each(::testing::StartsWith("rate.")));
  EXPECT_TRUE(student.weights().at("mask_emb").equal(teacher.weights().at("mask_emb")));
}

// Its loss is multiplied with `factor` from call `first` to call `last`.
class Poisoned : public LayerMeanObjective {
 public:
  Poisoned(const LayerMeanSpec& spec, int32_t first, int32_t last, double factor)
      : LayerMeanObjective(spec), first_(first), last_(last), factor_(factor) {}
  LossBreakdown loss(const LossInput& input) const override {
    LossBreakdown result = LayerMeanObjective::loss(input);
    ++calls_;
    if (calls_ >= first_ && calls_ <= last_) result.total = result.total * factor_;
    return result;
  }

 private:
  int32_t first_, last_;
  double factor_;
  mutable int32_t calls_ = 0;
};

class NonFiniteLoss : public Training {
 protected:
  // The loss is poisoned in steps first..last (1-based); a checkpoint is written after every other step.
  std::unique_ptr<Learner> learner(int32_t first, int32_t last,
                                   double factor = std::numeric_limits<double>::quiet_NaN()) {
    const LayerMeanSpec spec{2, Distance::kL1, true, 2, 32, 32};
    auto objective = std::make_unique<Poisoned>(spec, first, last, factor);
    auto heads = objective->parameters(Rng(1));
    return std::make_unique<Learner>(
        Learner::Setup{.student = Supernet::random(space, Rng(2)),
                       .objective = std::move(objective),
                       .heads = std::move(heads),
                       .sampler = make_sampler(sampler, space, steps, Rng(3)),
                       .teachers = {Supernet::random(testing::tiny_teacher(space), Rng(1))},
                       .device = device});
  }
  TrainOutcome train(Learner& learner) {
    TrainOptions options = tiny_training(steps);
    options.validate_every = 0;
    options.checkpoint.minutes = 1e-9;
    options.optimizer.guard = guard;
    const StageData data = stage_data(manifest, space.blueprint(), options.batch);
    const CropSource crops({data.training, space.blueprint(), options.batch, {}, Rng(4)});
    const auto alone = single_process_communicator();
    return Trainer({learner, crops, crops, options, checkpoints, {&recorder}, *alone}).run({});
  }
  double guard = 5;
  int64_t steps = 9;
  SamplerOptions sampler;
  at::Device device = at::kCPU;
  CheckpointFolder checkpoints{folder.path / "checkpoint", "recipe"};
  Recorder recorder;
};

TEST_F(NonFiniteLoss, OneStepIsSkipped) {
  auto trained = learner(4, 4);
  const TrainOutcome outcome = train(*trained);
  EXPECT_EQ(outcome.state.step, 9);
  EXPECT_EQ(outcome.state.skipped, 1);
  EXPECT_TRUE(recorder.steps[3].skipped);
  EXPECT_TRUE(trained->parameters().flat().isfinite().all().item<bool>());
}

TEST_F(NonFiniteLoss, ADeviceSkipsTheStepWithoutTheHost) {
  device = testing::other_device();
  auto trained = learner(4, 4);
  EXPECT_EQ(train(*trained).state.skipped, 1);
  ASSERT_EQ(recorder.steps.size(), 9U);
  EXPECT_TRUE(recorder.steps[3].skipped);
  EXPECT_FALSE(recorder.steps[4].skipped);
  EXPECT_TRUE(trained->parameters().flat().isfinite().all().item<bool>());
}

TEST_F(NonFiniteLoss, AnExplodingStepIsSkippedUnlessTheGuardIsOff) {
  steps = 27;
  auto guarded = learner(25, 25, 100);
  EXPECT_EQ(train(*guarded).state.skipped, 1);
  EXPECT_TRUE(recorder.steps[24].skipped);
  fs::remove_all(checkpoints.folder());
  guard = 0;
  auto open = learner(25, 25, 100);
  EXPECT_EQ(train(*open).state.skipped, 0);
}

// From step 41 on the space has more members and a loss 100 times as high, as when widths open.
TEST_F(NonFiniteLoss, AHigherLossOfAnExtendedSpaceIsNotSkipped) {
  steps = 60;
  sampler = {.kind = SamplerKind::kRandom, .progressive = 1};
  auto trained = learner(41, 1000, 100);
  const TrainOutcome outcome = train(*trained);
  EXPECT_EQ(outcome.state.step, 60);
  EXPECT_EQ(outcome.state.skipped, 0);
}

TEST_F(NonFiniteLoss, FiveInARowStopTheRunAndKeepTheLastCheckpoint) {
  auto trained = learner(4, 100);
  try {
    train(*trained);
    FAIL() << "the run went on";
  } catch (const NumericError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("optimizer.guard"));
  }
  EXPECT_EQ(recorder.steps.size(), 8U);
  for (const char* step : {"step-000000003", "step-000000008"}) {
    EXPECT_TRUE(fs::exists(folder.path / "checkpoint" / (step + std::string(".safetensors"))));
  }
}

// A rate of almost 0: no validation is better than the first.
TEST_F(Training, EndsWhenPatienceIsOver) {
  PretrainOptions options = tiny_pretraining();
  options.train.steps = 40;
  options.train.optimizer.lr = 1e-30;
  options.train.patience = 2;
  const StageResult result = pretrain_teacher(options, space, manifest, context("patience"));
  EXPECT_TRUE(result.outcome.finished);
  const TrainState& state = result.outcome.state;
  EXPECT_EQ(state.step, state.best_step + 2 * options.train.validate_every);
  EXPECT_LT(state.step, 40);
  const StageResult again = pretrain_teacher(options, space, manifest, context("patience"));
  EXPECT_EQ(again.outcome.state.step, state.step);
  options.train.patience = 0;
  EXPECT_EQ(pretrain_teacher(options, space, manifest, context("patience")).outcome.state.step, 40);
}

TEST_F(Training, AccumulationIsResumable) {
  PretrainOptions options = tiny_pretraining();
  options.train.accumulate = 3;
  options.train.optimizer.schedule = LrSchedule::kCosine;
  pretrain_teacher(options, space, manifest, context("whole"));
  StageContext parts = context("parts");
  StopAt stop(7, StopReason::kTerminate);
  parts.observers = {&stop};
  parts.stop = stop.source.token();
  EXPECT_THROW(pretrain_teacher(options, space, manifest, parts), Interrupted);
  parts.observers.clear();
  parts.stop = {};
  pretrain_teacher(options, space, manifest, parts);
  EXPECT_EQ(sha256_file(folder.path / "whole/model.safetensors"),
            sha256_file(folder.path / "parts/model.safetensors"));
}

class Checkpoints : public Training {
 protected:
  Parameters parameters = Parameters(
      {{"a", at::arange(12, at::kFloat).view({3, 4}), true}, {"b", at::ones({5}), false}});
  AdamW optimizer{parameters, {}};
  void save(const CheckpointFolder& checkpoints, int64_t step, double wall_s) {
    TrainState state;
    state.step = step;
    state.mean_loss = {0.1 * static_cast<double>(step)};
    checkpoints.save({state, wall_s}, parameters, optimizer.state());
  }
  fs::path file(int64_t step) const {
    return folder.path / fmt::format("step-{:09}.safetensors", step);
  }
};

TEST_F(Checkpoints, BytesDoNotDependOnTheWallTime) {
  const CheckpointFolder checkpoints(folder.path, "recipe");
  save(checkpoints, 7, 1.5);
  const std::string bytes = read_text(file(7));
  save(checkpoints, 7, 2.5);
  EXPECT_EQ(bytes, read_text(file(7)));
  EXPECT_EQ(checkpoints.restore(parameters, optimizer.state())->wall_s, 2.5);
}

TEST_F(Checkpoints, TheLastOnesAreKept) {
  const CheckpointFolder checkpoints(folder.path, "recipe", 2);
  for (int64_t step : {1, 2, 3}) save(checkpoints, step, 0);
  EXPECT_FALSE(fs::exists(file(1)));
  EXPECT_TRUE(fs::exists(file(2)) && fs::exists(file(3)));
}

TEST_F(Checkpoints, ADamagedOneIsSetAsideAndTheOneBeforeIsRead) {
  const CheckpointFolder checkpoints(folder.path, "recipe", 3);
  for (int64_t step : {1, 2, 3}) save(checkpoints, step, 0);
  fs::resize_file(file(3), 100);
  write_atomically(file(2), "");
  EXPECT_EQ(checkpoints.newest()->step, 1);
  EXPECT_EQ(checkpoints.restore(parameters, optimizer.state())->state.step, 1);
  EXPECT_TRUE(fs::exists(file(3).string() + ".damaged"));
  fs::resize_file(file(1), 100);
  EXPECT_THROW(checkpoints.restore(parameters, optimizer.state()), InputError);
}

TEST_F(Checkpoints, OfVersion1AreRead) {
  TensorMap tensors;
  for (const Parameter& p : parameters.list()) {
    for (const char* kind : {"weight/", "first_moment/", "second_moment/"}) {
      tensors[kind + p.name] = at::full(p.sizes, 2.0);
    }
  }
  write_safetensors(
      file(9), tensors,
      {{"kind", "checkpoint"},
       {"recipe", "recipe"},
       {"state",
        R"({"step":9,"updates":8,"audio_s":27,"wall_s":3,"skipped":1,"bad_in_a_row":0})"}});
  const auto progress =
      CheckpointFolder(folder.path, "recipe").restore(parameters, optimizer.state());
  EXPECT_EQ(progress->state.step, 9);
  EXPECT_EQ(progress->state.skipped, 1);
  EXPECT_TRUE(parameters.flat().eq(2).all().item<bool>());
  EXPECT_TRUE(optimizer.state().updates.eq(8).all().item<bool>());
}

TEST_F(Checkpoints, OfANewerVersionAreRejectedAndKept) {
  const CheckpointFolder checkpoints(folder.path, "recipe", 3);
  save(checkpoints, 1, 0);
  save(checkpoints, 2, 0);
  SafetensorsFile newer = read_safetensors(file(2));
  newer.metadata["version"] = "4";
  write_safetensors(file(2), newer.tensors, newer.metadata);
  EXPECT_THROW(checkpoints.newest(), InputError);
  EXPECT_THROW(checkpoints.restore(parameters, optimizer.state()), InputError);
  EXPECT_TRUE(fs::exists(file(2)));
}

TEST_F(Checkpoints, OfVersion2KeepTheirMeanAndNeedNoValidation) {
  const TrainState state = parse_train_state(
      R"({"step":9,"audio_s":27,"mean_loss":0.5,"skipped":1,"bad_in_a_row":0,"best_step":8,"best_loss":0.4})");
  EXPECT_EQ(state.mean_loss, std::vector<double>{0.5});
  EXPECT_EQ(state.validated, 9);
  EXPECT_EQ(to_json(parse_train_state(to_json(state))), to_json(state));
  EXPECT_THROW(parse_train_state("{}"), InputError);
}

TEST_F(Training, AFolderInUseIsRejected) {
  const StageContext where = context("teacher");
  fs::create_directories(where.folder);
  const FolderLock other(where.folder);
  EXPECT_THROW(pretrain_teacher(tiny_pretraining(), space, manifest, where), SystemError);
}

}  // namespace
}  // namespace concertina
