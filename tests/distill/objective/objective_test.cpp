#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "core/errors.h"
#include "distill/objective/layer_mean.h"
#include "distill/objective/masked_units.h"
#include "distill/objective/objective_file.h"
#include "distill/train/learner.h"
#include "tests/distill/tiny.h"

namespace concertina {
namespace {

// An output of one layer over frames of the base period, `lengths` of them valid.
EncoderOutput output_of(const at::Tensor& x, std::vector<int64_t> lengths) {
  EncoderOutput output;
  output.hidden = {at::Tensor(), x};
  output.ffn_results = {at::Tensor(), x};
  output.frames.x = x;
  output.frames.base_lengths = output.frames.lengths = at::tensor(lengths, at::kLong);
  return output;
}

TensorMap values_of(const Objective& objective) {
  TensorMap heads;
  for (const auto& init : objective.parameters(Rng(0))) heads[init.name] = init.value;
  return heads;
}

const Architecture kNet({}, 2, 20000, {{0, 1, 4, 0}});

// The only row that an objective needs.
std::string row_of(const Objective& objective) { return name_of(objective.needs().rows.front()); }

// The teacher's rows of tones: the goal of objectives without a goal of their own.
TensorMap goal_of_batch(const Objective& objective, const Supernet& teacher,
                        const SpeechBatch& batch) {
  const Subnet net = teacher.slice(teacher.space().largest());
  return goal_of(objective, teacher_rows(objective.needs().rows, {&net, 1}, net.blueprint, batch));
}

TEST(LayerMean, ComparesValidFramesOnly) {
  const at::Tensor x = at::tensor({1.0F, 2.0F, 3.0F, 4.0F, 50.0F, 60.0F}).view({1, 3, 2});
  const at::Tensor target = at::zeros({1, 4, 2});
  for (const auto& [distance, expected] : {std::pair{Distance::kL1, 2.5}, {Distance::kMse, 7.5}}) {
    const LayerMeanObjective objective({1, distance, false, 1, 2, 2});
    const std::string row = row_of(objective);
    const LossBreakdown loss =
        objective.loss({output_of(x, {2}), kNet, values_of(objective), {{row, target}}, {}});
    EXPECT_NEAR(loss.total.item<double>(), expected, 1e-6);
    EXPECT_TRUE(loss.rows.at(row).equal(x));  // the head starts as the identity
  }
}

TEST(LayerMean, NormalisesEachInstanceOverItsValidFrames) {
  const at::Tensor x = at::tensor({1.0F, 3.0F, 100.0F}).view({1, 3, 1});
  const at::Tensor valid = at::tensor({1, 1, 0}, at::kLong).view({1, 3}).to(at::kBool);
  const at::Tensor target = instance_norm_over_time(x, valid);
  EXPECT_NEAR(target[0][0][0].item<double>(), -1, 1e-4);
  EXPECT_NEAR(target[0][1][0].item<double>(), 1, 1e-4);
}

TEST(LayerMean, RejectsMoreLayersThanTheTeacherHas) {
  EXPECT_THROW(LayerMeanObjective({5, Distance::kL1, true, 4, 8, 8}), InputError);
}

// One pass without the mask, and one with it where rows ask for that.
TEST(Rows, AreOfThePassThatTheyName) {
  const SearchSpace space = testing::tiny_space();
  const Supernet teacher = Supernet::random(testing::tiny_teacher(space), Rng(1));
  const Subnet net = teacher.slice(teacher.space().largest());
  SpeechBatch batch = make_batch(testing::tones(2, 8000, 3));
  const auto hidden = [&](bool masked) {
    return encode(net, {batch.waveform, batch.lengths, masked ? batch.mask : at::Tensor()},
                  {.hidden = {1}})
        .hidden[1];
  };
  const Row open{.layer = 1}, masked{.layer = 1, .masked = true};
  batch.mask = at::zeros({2, hidden(false).size(1)}, at::kBool);
  batch.mask.narrow(1, 3, 5).fill_(true);
  const Rows rows = teacher_rows({open, masked}, {&net, 1}, net.blueprint, batch);
  EXPECT_EQ(name_of(masked), "0/hidden:1:masked");
  EXPECT_TRUE(rows.at(name_of(open)).equal(hidden(false)));
  EXPECT_TRUE(rows.at(name_of(masked)).equal(hidden(true)));
  EXPECT_FALSE(hidden(true).equal(hidden(false)));
  EXPECT_THROW(teacher_rows({{.layer = 3}}, {&net, 1}, net.blueprint, batch), InputError);
  EXPECT_THROW(teacher_rows({{.teacher = 1, .layer = 1}}, {&net, 1}, net.blueprint, batch),
               InputError);
}

// Whisper's frame t + 1 is the nearest to frame t of log-mel features.
TEST(Rows, AreAtTheFramesOfTheStudent) {
  const SearchSpace space = testing::tiny_whisper_space();
  const Supernet teacher = Supernet::random(space, Rng(1));
  const Subnet net = teacher.slice(space.largest());
  const SpeechBatch batch = make_batch(at::randn({2, 3200}));
  const Row row{.layer = 1};
  const auto rows_for = [&](const Blueprint& student) {
    return teacher_rows({row}, {&net, 1}, student, batch).at(name_of(row));
  };
  const at::Tensor own = rows_for(net.blueprint);
  const Blueprint mel = testing::tiny_space().blueprint();
  EXPECT_TRUE(rows_for(mel).equal(own.narrow(1, 1, own.size(1) - 1)));
  EXPECT_EQ(rows_for(mel).size(1), mel.frames(3200));
}

TEST(MaskedUnits, AveragesCrossEntropyOverMaskedAndUnmaskedFrames) {
  MaskedUnitsSpec spec;
  spec.depth = 1;
  spec.clusters = 2;
  spec.model_dim = 2;
  spec.unmasked_weight = 0.5;
  const MaskedUnitsObjective objective(spec);
  const TensorMap heads = {{"objective.heads.1.weight", at::eye(2)},
                           {"objective.heads.1.bias", at::zeros({2})}};
  const at::Tensor x = at::tensor({3.0F, 0.0F, 0.0F, 3.0F, 3.0F, 0.0F}).view({1, 3, 2});
  const at::Tensor units = at::tensor({0, 0, 1}, at::kLong).view({1, 3});
  const at::Tensor mask = at::tensor({1, 1, 0}, at::kLong).view({1, 3}).to(at::kBool);
  const LossBreakdown loss =
      objective.loss({output_of(x, {3}), kNet, heads, {}, {.mask = mask, .units = units}});
  const double right = std::log(1 + std::exp(-3.0)), wrong = std::log(1 + std::exp(3.0));
  EXPECT_NEAR(loss.total.item<double>(), (right + wrong) / 2 + 0.5 * wrong, 1e-5);
  EXPECT_NEAR(loss.terms[2].second.item<double>(), 0.5, 1e-6);
}

TEST(MaskedUnits, AlwaysIncludesTheLastLayer) {
  MaskedUnitsSpec spec;
  spec.layers = {2};
  spec.depth = 4;
  spec.model_dim = 8;
  const Architecture four = Architecture::parse("e=8 p=20000 L=0-3:1x8");
  EXPECT_EQ(MaskedUnitsObjective(spec).student_wants(four).hidden, (std::vector<int32_t>{2, 4}));
  spec.layers = {5};
  EXPECT_THROW(MaskedUnitsObjective{spec}, InputError);
}

TEST(Objective, IsRestoredFromItsFileAndSlicesWithTheWidth) {
  const auto path = std::filesystem::path(::testing::TempDir()) / "objective.safetensors";
  const LayerMeanObjective objective({2, Distance::kMse, true, 3, 8, 6});
  save_objective(objective, values_of(objective), {{"memory", at::ones({2, 3})}}, path);
  const TrainedObjective loaded = load_objective(path);
  EXPECT_EQ(loaded.objective->to_json(), objective.to_json());
  EXPECT_TRUE(loaded.state.at("memory").equal(at::ones({2, 3})));
  EXPECT_FALSE(loaded.heads.contains("memory"));
  const Architecture narrow({}, 4, 20000, {{0, 1, 4, 0}});
  const TensorMap sliced = slice_tensors(loaded.heads, loaded.objective->slices(narrow));
  EXPECT_TRUE(sliced.at("objective.head.weight")
                  .equal(loaded.heads.at("objective.head.weight").narrow(1, 0, 4)));
}

// The learner's leaves, with four subnets a step that share front ends, against autograd through
// the slices of full tensors.
void expect_gradients_of_plain_autograd(const SearchSpace& space) {
  const Rng rng(7);
  const Supernet student = Supernet::random(space, rng);
  const Supernet teacher = Supernet::random(testing::tiny_teacher(space), rng.fork("teacher"));
  const auto objective = [&] {
    return std::make_unique<LayerMeanObjective>(LayerMeanSpec{2, Distance::kMse, true, 2, 32, 32});
  };
  auto sampler = make_sampler({.kind = SamplerKind::kSandwich, .random = 2}, space, 1, rng);
  const auto subnets = sampler->draw(5);
  ASSERT_EQ(subnets.size(), 4U);
  TrainingBatch crops;
  crops.speech = make_batch(testing::tones(2, 8000, 3));

  Learner learner({.student = student,
                   .objective = objective(),
                   .heads = objective()->parameters(rng),
                   .sampler = std::move(sampler),
                   .teachers = {teacher}});
  Gradients gradients(learner.parameters());
  const auto alone = single_process_communicator();
  GradientReducer exchange(*alone, learner.parameters(), gradients);
  const LossValues value = loss_values(learner.learn(crops, 5, exchange));

  TensorMap full = student.weights();
  for (const auto& head : objective()->parameters(rng)) full[head.name] = head.value;
  for (auto& [name, tensor] : full) tensor = tensor.clone().requires_grad_();
  const TensorMap goal = goal_of_batch(*objective(), teacher, crops.speech);
  at::Tensor total = at::zeros({});
  for (const SampledSubnet& subnet : subnets) {
    const Architecture& a = subnet.architecture;
    TensorMap tensors = slice_tensors(full, tensor_slices(space.blueprint(), space.storage(), a));
    tensors.merge(slice_tensors(full, objective()->slices(a)));
    const Subnet made = make_subnet(space.blueprint(), a, tensors);
    const EncoderOutput output = encode(made, crops.speech, objective()->student_wants(a));
    total = total + objective()->loss({output, a, made.tensors, goal, {}}).total / 4;
  }
  total.backward();
  EXPECT_NEAR(value.total, total.item<double>(), 1e-5);
  for (const auto& [name, view] : gradients.views) {
    const at::Tensor& expected = full.at(name).grad();
    const at::Tensor plain = expected.defined() ? expected : at::zeros_like(view);
    EXPECT_LT((view - plain).abs().max().item<double>(), 1e-4) << name;
  }
}

TEST(Learner, GradientsEqualAutogradThroughSlices) {
  expect_gradients_of_plain_autograd(testing::tiny_space());
}

TEST(Learner, SharingTheFrontEndDoesNotChangeItsGradients) {
  expect_gradients_of_plain_autograd(testing::tiny_wave_space());
}

}  // namespace
}  // namespace concertina
