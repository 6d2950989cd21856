#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/errors.h"
#include "distill/objective/layer_mean.h"
#include "tests/distill/training.h"

namespace concertina {
namespace {

using testing::tiny_training;
using testing::Training;

// Targets of other frames do not matter.
TEST(MaskedOnly, TheLossIsOverMaskedFrames) {
  const SearchSpace space = testing::tiny_space();
  const LayerMeanObjective objective({2, Distance::kL1, true, 2, 32, 32});
  TensorMap heads;
  for (const auto& each : objective.parameters(Rng(1))) heads[each.name] = each.value;
  const Supernet student = Supernet::random(space, Rng(2));
  const SpeechBatch batch = make_batch(testing::tones(2, 8000, 1));
  for (const Architecture& architecture : {space.largest(), space.smallest()}) {
    EncoderOutput output = encode(student.slice(architecture), batch);
    TensorMap own = heads;
    own["objective.head.weight"] =
        heads.at("objective.head.weight").narrow(1, 0, architecture.embed_dim());
    const int64_t frames = base_valid(output.frames).size(1);
    const at::Tensor mask = at::zeros({2, frames + 1}, at::kBool);
    mask[0].narrow(0, 3, 5).fill_(true);
    mask[1].narrow(0, 10, 2).fill_(true);
    const std::string row = name_of(objective.needs().rows[0]);
    const at::Tensor target = at::zeros({2, frames, 32});
    const auto loss = [&](const at::Tensor& goal) {
      return objective.loss({output, architecture, own, {{row, goal}}, {}}).total.item<double>();
    };
    const double over_all = loss(target);
    output.frames.loss_mask = mask;
    const double over_masked = loss(target);
    EXPECT_NE(over_masked, over_all);
    const at::Tensor unmasked = mask.narrow(1, 0, frames).logical_not().unsqueeze(2);
    EXPECT_EQ(loss(target + 100 * unmasked), over_masked);
    EXPECT_GT(loss(target + 100), over_masked + 90);
  }
}

TEST_F(Training, AStageOnMaskedFramesNeedsAMaskAndHasAnotherLoss) {
  const Supernet teacher = Supernet::random(testing::tiny_teacher(space), Rng(1));
  DistillOptions options;
  options.train = tiny_training(2);
  options.objective = layer_mean_options({.top = 2});
  options.mask = {.probability = 0.4, .length = 4};
  const auto loss = [&](const char* name, bool masked_only) {
    options.masked_only = masked_only;
    const StageResult result =
        distill_stage(options, {1, space, teacher, nullptr, manifest}, context(name));
    return result.outcome.validation.sizes[0].second.total;
  };
  EXPECT_NE(loss("masked", true), loss("all", false));
  options.masked_only = true;
  EXPECT_THAT(to_json(options), ::testing::HasSubstr("\"masked_only\":true"));
  options.masked_only = false;
  EXPECT_THAT(to_json(options), ::testing::Not(::testing::HasSubstr("masked_only")));
  ConfigFile file = ConfigFile::parse("stage1: {masked_only: true}\n");
  DistillOptions::from_config(file.root().section("stage1"), 1);
  EXPECT_THROW(file.finish(), InputError);
}

}  // namespace
}  // namespace concertina
