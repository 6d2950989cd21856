// Students, and teachers, that encode the frames alone that a mask leaves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/errors.h"
#include "distill/objective/visible_rows.h"
#include "supernet/model/visible_input.h"
#include "tests/distill/one_step.h"
#include "tests/distill/training.h"

namespace concertina {
namespace {

class DropMaskedStep : public ::testing::TestWithParam<DropMasked> {};

TEST_P(DropMaskedStep, HasTheGradientOfPlainAutograd) {
  const SearchSpace space = testing::tiny_space();
  const auto learner = testing::layer_mean_learner(
      space, [](Learner::Setup& setup) { setup.drop_masked = GetParam(); });
  TrainingBatch batch = testing::batch_of(testing::tones(2, 8000, 3));
  batch.speech.mask = at::zeros({2, space.blueprint().frames(8000)}, at::kBool);
  batch.speech.mask[0].narrow(0, 3, 9).fill_(true);
  batch.speech.mask[1].narrow(0, 12, 5).fill_(true);
  const auto alone = single_process_communicator();
  Gradients gradients(learner->parameters());
  GradientReducer reducer(*alone, learner->parameters(), gradients);
  learner->learn(batch, 1, reducer);

  const Supernet teacher = Supernet::random(testing::tiny_teacher(space), Rng(1));
  const Subnet net = teacher.slice(teacher.space().largest());
  const Objective& objective = learner->objective();
  const auto compute = GetParam() == DropMasked::kBoth ? visible_teacher_rows : teacher_rows;
  const Rows rows = compute(objective.needs().rows, {&net, 1}, space.blueprint(), batch.speech);
  const StepData data{.valid = valid_frames(space.blueprint(), batch.speech),
                      .mask = batch.speech.mask};
  const TensorMap goal = goal_of(objective, rows, data);
  TensorMap full = learner->student("").weights();
  full.merge(learner->heads());
  for (auto& [name, tensor] : full) tensor = tensor.clone().requires_grad_();
  const auto subnets = learner->sampler().draw(1);
  at::Tensor total = at::zeros({});
  for (const SampledSubnet& subnet : subnets) {
    const Architecture& a = subnet.architecture;
    TensorMap tensors = slice_tensors(full, tensor_slices(space.blueprint(), space.storage(), a));
    tensors.merge(slice_tensors(full, objective.slices(a)));
    const Subnet made = make_subnet(space.blueprint(), a, tensors);
    const Frames visible = drop_masked(encoder_input(made, batch.speech), batch.speech.mask);
    const EncoderOutput output = encode_from(made, visible, objective.student_wants(a));
    total = total + objective.loss({output, a, made.tensors, goal, data}).total /
                        static_cast<double>(subnets.size());
  }
  total.backward();
  for (const auto& [name, view] : gradients.views) {
    const at::Tensor& grad = full.at(name).grad();
    const at::Tensor plain = grad.defined() ? grad : at::zeros_like(view);
    EXPECT_LT((view - plain).abs().max().item<double>(), 1e-4) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(By, DropMaskedStep,
                         ::testing::Values(DropMasked::kStudent, DropMasked::kBoth),
                         [](const auto& test) { return std::string(enum_name(test.param)); });

class StageThatDrops : public testing::Training {};

// The teacher does not see what is masked, and runs up to the layer that is needed.
TEST(DropMaskedTeacher, DoesNotReadMaskedFrames) {
  const SearchSpace space = testing::tiny_space();
  const Supernet teacher = Supernet::random(testing::tiny_teacher(space), Rng(1));
  const Subnet net = teacher.slice(teacher.space().largest());
  SpeechBatch batch = make_batch(testing::tones(1, 8000, 3));
  batch.mask = at::zeros({1, space.blueprint().frames(8000)}, at::kBool);
  batch.mask[0].narrow(0, 8, 8).fill_(true);
  SpeechBatch other = batch;
  other.waveform = batch.waveform.clone();
  other.waveform[0].narrow(0, 10 * 320, 4 * 320).mul_(-0.5);  // within masked frames alone
  const auto change = [&](const auto& compute) {
    const auto row = [&](const SpeechBatch& input) {
      return compute({{.layer = 1}}, {&net, 1}, space.blueprint(), input).at(hidden_name(1));
    };
    return (row(batch) - row(other)).abs().max().template item<double>();
  };
  EXPECT_LT(change(visible_teacher_rows), 1e-5);
  EXPECT_GT(change(teacher_rows), 1e-3);
}

// Whisper's frames are not those of the student: one more, and centred half a frame earlier.
TEST(DropMaskedTeacher, WithOtherFramesLeavesOutThoseThatAreMaskedInTheStudent) {
  const SearchSpace space = testing::tiny_space();
  const Supernet teacher =
      Supernet::random(testing::tiny_teacher(testing::tiny_whisper_space()), Rng(1));
  const Subnet net = teacher.slice(teacher.space().largest());
  SpeechBatch batch = make_batch(testing::tones(2, 8000, 3));
  const int64_t frames = space.blueprint().frames(8000);
  ASSERT_NE(teacher.blueprint().frames(8000), frames);
  batch.mask = at::zeros({2, frames}, at::kBool);
  batch.mask[0].narrow(0, 8, 5).fill_(true);
  batch.mask[1].narrow(0, frames - 2, 2).fill_(true);
  const std::vector<Row> rows = {{.layer = 1}};
  const at::Tensor hidden = visible_teacher_rows(rows, {&net, 1}, space.blueprint(), batch)
                                .at(hidden_name(1))
                                .narrow(1, 0, frames);
  EXPECT_TRUE((hidden.abs().sum(2) == 0).equal(batch.mask)) << hidden.abs().sum(2);
  const std::vector<Row> masked = {{.layer = 1, .masked = true}};
  EXPECT_NO_THROW(teacher_rows(masked, {&net, 1}, space.blueprint(), batch));
}

TEST_F(StageThatDrops, Trains) {
  const Supernet teacher = Supernet::random(testing::tiny_teacher(space), Rng(1));
  const auto options = [](const std::string& text) {
    ConfigFile file = ConfigFile::parse(text);
    DistillOptions read = DistillOptions::from_config(file.root(), 1);
    file.finish();
    read.train = testing::tiny_training(3);
    return read;
  };
  const std::string objective =
      "objective: {kind: layer_pairs, map: pairs, position: relative, teacher_layers: [1], "
      "student_layers: [0.75], distance: unit_l1, channels: none}\n";
  const std::string mask = "mask: {probability: 0.5, length: 4}\n";
  const StageResult result = distill_stage(options(objective + mask + "drop_masked: both"),
                                           {1, space, teacher, nullptr, manifest}, context("dmae"));
  EXPECT_TRUE(result.outcome.finished);
  EXPECT_THROW(options(objective + "drop_masked: both"), InputError);  // no mask
  EXPECT_THROW(options(objective + mask + "drop_masked: both\ncache: {dtype: fp16}"), InputError);
  EXPECT_NO_THROW(options(objective + mask + "drop_masked: student\ncache: {dtype: fp16}"));
  EXPECT_THROW(options("objective: {kind: masked_pairs}\n" + mask + "drop_masked: student"),
               InputError);
  EXPECT_THROW(options(objective + mask + "masked_only: true\ndrop_masked: student"), InputError);
}

}  // namespace
}  // namespace concertina
