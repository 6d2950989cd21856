// Queries, keys and values of the forward pass against plain products of the layer's input.
#include <gtest/gtest.h>

#include "supernet/model/forward.h"
#include "tests/model/models.h"

namespace concertina {
namespace {

using testing::max_difference;

at::Tensor plain(const at::Tensor& x, const Affine& affine) {
  const at::Tensor y = x.matmul(affine.weight.t());
  return affine.bias.defined() ? y + affine.bias : y;
}

// Asks for those of every layer, and compares with products of what the layers' attention reads.
void expect_plain_products(const SearchSpace& space) {
  const Blueprint& blueprint = space.blueprint();
  const Supernet supernet = testing::perturbed(space, 21);
  at::InferenceMode inference;
  Rng rng(22);
  const SpeechBatch batch = make_batch(testing::noise(2, 12000, 23));
  for (int32_t trial = 0; trial < 4; ++trial) {
    const Architecture net = trial == 0 ? space.largest() : space.sample(rng);
    const Subnet subnet = supernet.slice(net);
    std::vector<at::Tensor> inputs = {{}};
    WantedOutputs wants;
    wants.observe = [&](const LayerWeights&, const LayerActivations& inside, AttentionContext&) {
      inputs.push_back(inside.attention_input);
    };
    for (int32_t layer = 1; layer <= net.depth(); ++layer) {
      wants.queries.push_back(layer);
      wants.keys.push_back(layer);
      wants.values.push_back(layer);
    }
    const EncoderOutput output = encode(subnet, batch, wants);
    for (size_t i = 1; i <= static_cast<size_t>(net.depth()); ++i) {
      const LayerWeights& layer = subnet.weights.layers[i - 1];
      const auto expect = [&](const at::Tensor& got, const Affine& affine) {
        ASSERT_EQ(got.defined(), affine.weight.defined());
        if (!got.defined()) return;
        EXPECT_EQ(got.size(2), layer.shape.heads * blueprint.head_dim);
        EXPECT_LE(max_difference(got, plain(inputs[i], affine)), 2e-5) << net.key();
      };
      expect(output.queries[i], layer.q);
      expect(output.keys[i], layer.k);
      expect(output.values[i], layer.v);
    }
    EXPECT_EQ(max_difference(output.frames.x, encode(subnet, batch).frames.x), 0);
    wants = {.queries = {net.depth()}, .last_layer = net.depth()};
    const EncoderOutput one = encode(subnet, batch, wants);
    EXPECT_FALSE(one.keys.back().defined());
    EXPECT_EQ(one.queries.back().defined(), output.queries.back().defined());
  }
}

void expect_plain_products(const Blueprint& blueprint) {
  expect_plain_products(testing::small_space(blueprint));
}

TEST(Projections, EqualPlainProductsOfTheAttentionsInput) {
  for (const NormPosition position : {NormPosition::kPost, NormPosition::kPre}) {
    expect_plain_products(testing::wave_blueprint(ExtractorNorm::kLayer, position));
    expect_plain_products(testing::wavlm_blueprint(position));
  }
  expect_plain_products(testing::mel_blueprint());
  expect_plain_products(
      testing::with_linear_attention(testing::small_space(testing::mel_blueprint())));
  expect_plain_products(testing::reuse_blueprint());
  expect_plain_products(testing::joined_blueprint(RateKind::kConv));
  expect_plain_products(testing::with_cif(testing::mel_blueprint()));
}

}  // namespace
}  // namespace concertina
