// Unit prediction by cosines with codewords.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/errors.h"
#include "distill/objective/masked_units.h"
#include "distill/objective/objective_file.h"
#include "tests/distill/training.h"

namespace concertina {
namespace {

TEST(Codewords, LogitsAreCosinesOverTheTemperature) {
  constexpr int64_t kUnits = 5, kDim = 7;
  const SearchSpace space = testing::tiny_space();
  MaskedUnitsSpec spec{.depth = 2, .clusters = kUnits, .model_dim = 32, .unmasked_weight = 0};
  spec.codeword_dim = kDim;
  spec.temperature = 0.2;
  const MaskedUnitsObjective objective(spec);
  TensorMap heads;
  for (const auto& each : objective.parameters(Rng(1))) heads[each.name] = each.value;
  const at::Tensor weight = heads.at("objective.heads.2.weight");
  const at::Tensor codewords = heads.at("objective.codewords.2");
  EXPECT_EQ(weight.sizes(), (std::vector<int64_t>{kDim, 32}));
  ASSERT_EQ(codewords.sizes(), (std::vector<int64_t>{kUnits, kDim}));
  EXPECT_GE(codewords.min().item<double>(), 0);

  const Supernet model = Supernet::random(testing::tiny_teacher(space), Rng(2));
  const Architecture shape = model.space().largest();
  const EncoderOutput output = encode(model.slice(shape), make_batch(testing::tones(2, 8000, 1)),
                                      objective.student_wants(shape));
  const int64_t frames = output.frames.x.size(1);
  const at::Tensor mask = at::zeros({2, frames}, at::kBool),
                   units = at::ones({2, frames}, at::kLong);
  mask[1][4] = true;
  const StepData step{.mask = mask, .units = units};
  const double loss = objective.loss({output, shape, heads, {}, step}).total.item<double>();

  const at::Tensor x = output.hidden[2][1][4].matmul(weight.t());
  const at::Tensor cosines = at::cosine_similarity(x.unsqueeze(0), codewords, 1) / spec.temperature;
  EXPECT_NEAR(loss, -cosines.log_softmax(0)[1].item<double>(), 1e-4);
}

class CodewordTraining : public testing::Training {};

TEST_F(CodewordTraining, TheObjectiveIsSavedAndRead) {
  PretrainOptions options = testing::tiny_pretraining();
  const std::string plain = to_json(options);
  EXPECT_THAT(plain, ::testing::Not(::testing::HasSubstr("codeword")));
  options.codeword_dim = 6;
  EXPECT_THAT(to_json(options), ::testing::HasSubstr("\"codeword_dim\":6,\"temperature\":0.1"));
  options.train.steps = 30;
  options.train.optimizer.lr = 5e-3;
  testing::Recorder recorder;
  StageContext where = context("teacher");
  where.observers = {&recorder};
  pretrain_teacher(options, space, manifest, where);
  EXPECT_LT(recorder.steps.back().loss.total, recorder.steps.front().loss.total);
  const auto saved = load_objective(where.folder / "objective.safetensors");
  EXPECT_THAT(saved.objective->to_json(), ::testing::HasSubstr("\"codeword_dim\":6"));
  EXPECT_TRUE(saved.heads.contains("objective.codewords.1"));
}

}  // namespace
}  // namespace concertina
