#include "distill/inheritance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/errors.h"
#include "supernet/model/forward.h"
#include "supernet/space/unit_axes.h"
#include "tests/distill/tiny.h"

namespace concertina {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

SearchSpace space_of(const Blueprint& blueprint) {
  SpaceChoices choices = testing::tiny_space().choices();
  if (blueprint.rate == RateKind::kNone) choices.frame_period_us = {20000};
  if (blueprint.head_dim == 16) choices.heads = {1};
  if (blueprint.relative_position.buckets > 0) choices.heads = {2};
  return SearchSpace(blueprint, choices);
}

Blueprint tiny() {
  Blueprint blueprint = testing::tiny_space().blueprint();
  blueprint.rate = RateKind::kNone;
  return blueprint;
}

Supernet random_model(const Blueprint& blueprint, uint64_t seed) {
  Supernet model = Supernet::random(testing::tiny_teacher(space_of(blueprint)), Rng(seed));
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  for (auto& [name, tensor] : model.weights()) {  // norms and biases that differ by channel
    if (!name.starts_with("feature_extractor")) {
      tensor = tensor + at::empty(tensor.sizes()).normal_(0, 0.1, generator);
    }
  }
  return model;
}

at::Tensor last_state(const Supernet& model) {
  const Architecture architecture = model.space().largest();
  WantedOutputs wants;
  wants.hidden = {architecture.depth()};
  const EncoderOutput output =
      encode(model.slice(architecture), make_batch(testing::tones(2, 16000, 3)), wants);
  return output.hidden.at(static_cast<size_t>(architecture.depth()));
}

TEST(Inheritance, ChannelsArePermutedWhereTheGroupsAreInterleavedInOneOnly) {
  Blueprint contiguous = tiny();
  contiguous.positional.interleaved = false;
  const Supernet older = random_model(contiguous, 1);
  Supernet model = Supernet::random(testing::tiny_teacher(space_of(tiny())), Rng(2));
  const Inheritance result = inherit_weights(model, older);
  EXPECT_TRUE(result.initial.empty() && result.unused.empty()) << describe(result);
  EXPECT_THAT(result.differences, ElementsAre("positional.interleaved"));

  const int64_t embed = older.space().largest().embed_dim();
  std::vector<int64_t> from;
  for (int64_t channel = 0; channel < embed; ++channel) {
    from.push_back(channel_at(contiguous.positional, embed,
                              conv_position(model.blueprint().positional, embed, channel)));
  }
  const at::Tensor expected = last_state(older).index_select(2, at::tensor(from, at::kLong));
  EXPECT_LE((last_state(model) - expected).abs().max().item<double>(), 1e-4);
  EXPECT_GT(expected.abs().max().item<double>(), 0.1);
}

TEST(Inheritance, HeadsOfAnotherSizeKeepInitialValues) {
  Blueprint wide = tiny();
  wide.head_dim = 16;
  const Supernet older = random_model(tiny(), 1);  // 2 heads of 8
  Supernet model = Supernet::random(testing::tiny_teacher(space_of(wide)), Rng(2));
  const Inheritance result = inherit_weights(model, older);
  EXPECT_THAT(result.copied, Not(Contains(HasSubstr("self_attn.q_proj"))));
  EXPECT_THAT(result.copied, Contains("encoder.layers.0.fc1.weight"));
  ASSERT_TRUE(result.initial.contains("heads of 16 where the older model's have 8"));
  EXPECT_THAT(describe(result), HasSubstr("initial (heads of 16 where the older model's have 8): "
                                          "encoder.layers.0.self_attn.k_proj.bias"));
}

TEST(Inheritance, UnusedTensorsAreNamed) {
  Blueprint biased = tiny();
  biased.relative_position = {.buckets = 8, .max_distance = 20};
  Supernet model = Supernet::random(testing::tiny_teacher(space_of(tiny())), Rng(2));
  const Inheritance result = inherit_weights(model, random_model(biased, 1));
  EXPECT_TRUE(result.initial.empty());
  EXPECT_THAT(result.unused.at("not in the new model"),
              Contains("encoder.layers.0.self_attn.relative_attention_bias.weight"));
  EXPECT_THAT(result.differences, Contains("relative_position.buckets"));
}

TEST(Inheritance, WeightsOfAnotherMeaningAreRejected) {
  Blueprint pre = tiny();
  pre.norm_position = NormPosition::kPre;
  Supernet model = Supernet::random(testing::tiny_teacher(space_of(tiny())), Rng(2));
  EXPECT_THROW(inherit_weights(model, random_model(pre, 1)), InputError);

  Blueprint gated = tiny();  // its gate reads embedding channels by position
  gated.positional.interleaved = false;
  gated.relative_position = {.buckets = 8, .max_distance = 20};
  EXPECT_THROW(inherit_weights(model, random_model(gated, 1)), InputError);
}

}  // namespace
}  // namespace concertina
