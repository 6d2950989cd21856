// Activation checkpointing.
#include <gtest/gtest.h>
#include <torch/csrc/autograd/function.h>

#include <string>

#include "tests/distill/one_step.h"
#include "tests/distill/training.h"

namespace concertina {
namespace {

using testing::layer_mean_learner;
using testing::step_gradient;

// WavLM's position bias, whose table gets gradients from every layer.
SearchSpace biased_space() {
  const SearchSpace tiny = testing::tiny_space();
  Blueprint blueprint = tiny.blueprint();
  blueprint.relative_position.buckets = 32;
  return SearchSpace(blueprint, tiny.choices());
}

SearchSpace linear_space() {
  const SearchSpace tiny = testing::tiny_space();
  SpaceChoices choices = tiny.choices();
  choices.attention = {AttentionKind::kLinear};
  return SearchSpace(tiny.blueprint(), choices);
}

TEST(RecomputedLayers, HaveTheSameGradients) {
  const at::Tensor audio = testing::tones(2, 8000, 5);
  for (const SearchSpace& space :
       {testing::tiny_space(), testing::tiny_wave_space(), biased_space(), linear_space()}) {
    for (const DropoutRates& rates :
         {DropoutRates{},
          DropoutRates{.hidden = 0.2, .attention = 0.2, .activation = 0.2, .layer = 0.3}}) {
      for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
        const auto gradient = [&](bool recompute) {
          return step_gradient(*layer_mean_learner(space,
                                                   [&](Learner::Setup& setup) {
                                                     setup.recompute_layers = recompute;
                                                     setup.regularization.dropout = rates;
                                                     setup.dtype = dtype;
                                                   }),
                               {audio});
        };
        const at::Tensor kept = gradient(false);
        EXPECT_GT(kept.abs().max().item<double>(), 0);
        const at::Tensor recomputed = gradient(true);
        const double tolerance = dtype == at::kFloat ? 1e-5 : 3e-2;  // of sums in another order
        EXPECT_LE((recomputed - kept).norm().item<double>(), tolerance * kept.norm().item<double>())
            << space.blueprint().relative_position.buckets << " " << rates.hidden << " " << dtype;
        // The table of position biases has a gradient from each layer.
        if (space.blueprint().relative_position.buckets > 0) continue;
        EXPECT_TRUE(recomputed.equal(kept)) << rates.hidden << " " << dtype;
      }
    }
  }
}

// Layers whose inner activations are wanted keep them.
TEST(RecomputedLayers, AreThoseThatNobodyLooksInto) {
  const SearchSpace space = testing::tiny_space();
  const Supernet model = Supernet::random(space, Rng(2));
  TensorMap tensors = model.slice(space.largest()).tensors;
  for (auto& [name, tensor] : tensors) tensor = tensor.detach().clone().requires_grad_();
  const Subnet subnet = make_subnet(space.blueprint(), space.largest(), tensors);
  const Frames input = encoder_input(subnet, make_batch(testing::tones(2, 8000, 5)));
  const auto node = [&](const WantedOutputs& wants, bool recompute) {
    TrainingPass pass;
    pass.recompute_layers = recompute;
    return encode_from(subnet, input, wants, pass).frames.x.grad_fn()->name();
  };
  const std::string name = "RecomputedLayer";
  EXPECT_NE(node({}, true).find(name), std::string::npos) << node({}, true);
  EXPECT_NE(node({.hidden = {1, 2}}, true).find(name), std::string::npos);
  EXPECT_EQ(node({}, false).find(name), std::string::npos);
  EXPECT_EQ(node({.ffn_results = {2}}, true).find(name), std::string::npos);
}

}  // namespace
}  // namespace concertina
