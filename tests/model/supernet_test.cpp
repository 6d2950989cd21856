#include "supernet/model/supernet.h"

#include <gtest/gtest.h>

#include "core/errors.h"
#include "supernet/space/cost.h"
#include "tests/model/models.h"

namespace concertina {
namespace {

using testing::max_difference;

void expect_extraction_agrees(const SearchSpace& space, int count, uint64_t seed) {
  const Supernet supernet = testing::perturbed(space, seed);
  const SpeechBatch batch = make_batch(testing::noise(1, 8000, seed));
  at::InferenceMode inference;
  Rng rng(seed);
  for (int i = 0; i < count; ++i) {
    const Architecture architecture = space.sample(rng);
    const Supernet extracted = supernet.extract(architecture);
    int64_t params = 0;
    for (const auto& [name, tensor] : extracted.weights()) params += tensor.numel();
    EXPECT_EQ(params, cost_of(space.blueprint(), architecture, 16000).params) << architecture.key();
    EXPECT_EQ(extracted.space().largest(), architecture);
    const at::Tensor sliced = encode(supernet.slice(architecture), batch).frames.x;
    const at::Tensor alone = encode(extracted.slice(architecture), batch).frames.x;
    EXPECT_LE(max_difference(sliced, alone), 1e-5) << architecture.key();
  }
}

// Random architectures over all elastic dimensions together.
TEST(Supernet, ExtractedSubnetEqualsTheSlicedOne) {
  const Blueprint group = testing::wave_blueprint(ExtractorNorm::kGroup, NormPosition::kPost);
  const Blueprint layer = testing::wave_blueprint(ExtractorNorm::kLayer, NormPosition::kPre);
  expect_extraction_agrees(testing::small_space(testing::mel_blueprint()), 15, 1);
  expect_extraction_agrees(testing::small_space(testing::with_cif(group)), 10, 2);
  expect_extraction_agrees(testing::small_space(testing::with_cif(layer)), 10, 3);
  expect_extraction_agrees(testing::small_space(group, SlicingRule::kLightHubert), 10, 4);
  expect_extraction_agrees(
      testing::small_space(testing::with_cif(testing::wavlm_blueprint(NormPosition::kPost))), 10,
      5);
  expect_extraction_agrees(testing::small_space(testing::reuse_blueprint()), 5, 6);
  expect_extraction_agrees(
      testing::with_linear_attention(testing::small_space(testing::mel_blueprint())), 10, 9);
  expect_extraction_agrees(testing::small_space(testing::whisper_blueprint(RateKind::kConv)), 5, 8);
  for (RateKind rate : {RateKind::kConv, RateKind::kLinear, RateKind::kAverage}) {
    expect_extraction_agrees(testing::small_space(testing::joined_blueprint(rate)), 5, 7);
  }
  Blueprint student = group;
  student.wave.feature_norm = false;  // DistilHuBERT
  student.wave.feature_scale = true;  // DPHuBERT
  expect_extraction_agrees(testing::small_space(student), 5, 8);
}

// Every gene at once, channels and frame period too, both kinds of norm.
TEST(Supernet, ExtractedSubnetEqualsTheSlicedOneWaveWithRateUnit) {
  for (const ExtractorNorm norm : {ExtractorNorm::kGroup, ExtractorNorm::kLayer}) {
    Blueprint blueprint = testing::wave_blueprint(norm, NormPosition::kPost);
    blueprint.rate = RateKind::kCif;
    expect_extraction_agrees(testing::small_space(blueprint), 20, 4);
  }
}

TEST(Supernet, ExtractedSubnetEqualsTheSlicedOneLightHubertsRule) {
  expect_extraction_agrees(
      testing::small_space(testing::wave_blueprint(ExtractorNorm::kLayer, NormPosition::kPost),
                           SlicingRule::kLightHubert),
      15, 5);
}

// Training a slice is training the extracted subnet: the gradients of its weights are the same.
TEST(Supernet, SlicedChannelsHaveTheExtractedSubnetsGradients) {
  for (const ExtractorNorm norm : {ExtractorNorm::kGroup, ExtractorNorm::kLayer}) {
    Blueprint blueprint = testing::wave_blueprint(norm, NormPosition::kPost);
    blueprint.positional.weight_norm = false;  // g and v of a cut kernel have no counterpart
    const SearchSpace space = testing::small_space(blueprint);
    const Supernet supernet = testing::perturbed(space, 6);
    const Architecture narrow = Architecture::parse("c=24 e=96 p=20000 L=0:1x192,3:2x384");
    const auto slices = tensor_slices(blueprint, supernet.storage(), narrow);
    TensorMap full, own = supernet.extract(narrow).weights();
    for (const auto& [name, tensor] : supernet.weights())
      full[name] = tensor.clone().requires_grad_();
    for (auto& [name, tensor] : own) tensor.requires_grad_();
    const SpeechBatch batch = make_batch(testing::noise(2, 8000, 7));
    for (const TensorMap& tensors : {slice_tensors(full, slices), own}) {
      encode(make_subnet(blueprint, narrow, tensors), batch).frames.x.sin().sum().backward();
    }
    for (const TensorSlice& slice : slices) {
      const at::Tensor& gradient = own.at(slice.name).grad();
      ASSERT_EQ(gradient.defined(), full.at(slice.name).grad().defined()) << slice.name;
      if (!gradient.defined()) continue;
      EXPECT_LE(max_difference(take_slice(full.at(slice.name).grad(), slice), gradient),
                1e-5 * std::max(1.0, gradient.abs().max().item<double>()))
          << slice.name;
    }
  }
}

TEST(Supernet, InterleavedGroupsMeanTheSameChannelsAtEveryWidth) {
  // A prefix of an interleaved positional conv keeps each channel in its group: the sliced conv
  // equals the full one with the dropped channels set to zero.
  const SearchSpace space = testing::small_space(testing::mel_blueprint());
  const Supernet supernet = testing::perturbed(space, 4);
  Subnet full = supernet.slice(space.largest());
  const Architecture narrow({}, 64, 20000, space.smallest().layers());
  const Subnet sliced = supernet.slice(narrow);
  const int64_t kept_taps = 64 / 16;
  const at::Tensor rows = full.tensors.at("encoder.pos_conv.0.weight").narrow(0, 0, 64);
  EXPECT_EQ(
      max_difference(rows.narrow(1, 0, kept_taps), sliced.tensors.at("encoder.pos_conv.0.weight")),
      0);
}

TEST(Supernet, SameSeedSameWeights) {
  const SearchSpace space = testing::small_space(testing::mel_blueprint());
  const Supernet a = Supernet::random(space, Rng(5)), b = Supernet::random(space, Rng(5)),
                 c = Supernet::random(space, Rng(6));
  for (const auto& [name, tensor] : a.weights())
    EXPECT_TRUE(tensor.equal(b.weights().at(name))) << name;
  EXPECT_FALSE(
      a.weights().at("post_extract_proj.weight").equal(c.weights().at("post_extract_proj.weight")));
}

TEST(Supernet, MissingExtraAndMisshapedTensorsAreAllListed) {
  const SearchSpace space = testing::small_space(testing::mel_blueprint());
  TensorMap weights = Supernet::random(space, Rng(7)).weights();
  weights.erase("mask_emb");
  weights["surplus"] = at::zeros({1});
  weights["post_extract_proj.bias"] = at::zeros({3});
  try {
    Supernet broken(space, weights);
    FAIL();
  } catch (const InputError& error) {
    const std::string text = error.what();
    for (const char* part : {"mask_emb is missing", "surplus is not part",
                             "post_extract_proj.bias is [3], expected [128]"}) {
      EXPECT_NE(text.find(part), std::string::npos) << text;
    }
  }
}

}  // namespace
}  // namespace concertina
