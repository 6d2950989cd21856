// Parity with the packages the checkpoints come from: hidden states made by scripts/golden/ from
// closed-form weights.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "supernet/model/safetensors.h"
#include "supernet/space/cost.h"
#include "tests/model/models.h"

namespace concertina {
namespace {

using Json = nlohmann::json;
const std::string kFolder = std::string(CONCERTINA_SOURCE_DIR) + "/tests/model/golden/";

// The same numbers as scripts/golden/closed_form.py.
std::vector<double> uniform(const std::string& name, int64_t count) {
  std::vector<double> values(static_cast<size_t>(count));
  const uint64_t seed = hash64(name);
  for (size_t i = 0; i < values.size(); ++i) {
    uint64_t z = seed + (i + 1) * 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    z ^= z >> 31;
    values[i] = static_cast<double>(z >> 11) * std::ldexp(1.0, -52) - 1.0;
  }
  return values;
}

at::Tensor closed_form(const TensorSlice& slice) {
  std::vector<int64_t> shape;
  for (const DimSlice& dim : slice.dims) shape.push_back(dim.size);
  at::Tensor u = at::tensor(uniform(slice.name, slice.numel()), at::kDouble);
  if (slice.name.ends_with("weight_g")) {
    u = 2 + 0.4 * u;
  } else if (slice.name.ends_with("bias")) {
    u = 0.1 * u;
  } else if (shape.size() == 1 && slice.name != "mask_emb") {
    u = 1 + 0.2 * u;
  } else if (shape.size() > 1) {
    double fan_in = 1;
    for (size_t d = 1; d < shape.size(); ++d) fan_in *= static_cast<double>(shape[d]);
    u = u * std::sqrt(3.0 / fan_in);
  }
  return u.to(at::kFloat).view(shape);
}

Supernet closed_form_model(const SearchSpace& space) {
  TensorMap weights;
  const Storage storage = space.storage();
  for (const TensorSlice& slice : tensor_slices(space.blueprint(), storage, storage.largest)) {
    weights[slice.name] = closed_form(slice);
  }
  return Supernet(space, std::move(weights));
}

SpeechBatch golden_batch(int64_t samples) {
  return make_batch((0.3 * at::tensor(uniform("golden waveform", samples), at::kDouble))
                        .to(at::kFloat)
                        .view({1, samples}));
}

void expect_near(const at::Tensor& ours, const at::Tensor& golden, const std::string& what) {
  ASSERT_EQ(ours.sizes(), golden.sizes()) << what;
  const double bound = 2e-5 * std::max(1.0, golden.abs().max().item<double>());
  EXPECT_LE(testing::max_difference(ours, golden), bound) << what;
}

void expect_hubert(const std::string& name, const Blueprint& blueprint) {
  const SafetensorsFile golden = read_safetensors(kFolder + "hubert.safetensors");
  std::vector<LayerShape> layers;
  for (int32_t i = 0; i < 4; ++i) layers.push_back({i, 2, 256, 0});
  const Architecture architecture(std::vector<int32_t>(7, 32), 128, 20000, layers);
  const Supernet model =
      closed_form_model(SearchSpace::single(blueprint, {architecture, SlicingRule::kPrefix}));
  at::InferenceMode inference;
  const EncoderOutput output =
      encode(model.slice(architecture), golden_batch(16000), {.all_hidden = true});
  expect_near(at::stack(output.hidden).squeeze(1), golden.tensors.at(name), name);
}

Blueprint hubert_blueprint() {
  Blueprint blueprint;
  blueprint.positional = {.kernel = 128, .groups = 16, .weight_norm = true};
  return blueprint;
}

TEST(Golden, HubertBaseStyle) { expect_hubert("base", hubert_blueprint()); }

TEST(Golden, HubertLargeStyle) {
  Blueprint blueprint = hubert_blueprint();
  blueprint.wave.norm = ExtractorNorm::kLayer;
  blueprint.wave.bias = true;
  blueprint.norm_position = NormPosition::kPre;
  blueprint.normalize_waveform = true;
  expect_hubert("large", blueprint);
}

// LightHuBERT's spaces at full size; every 37th value of every state after a layer.
void expect_lighthubert(const std::string& space_name, ExtractorNorm norm,
                        const std::string& file = "lighthubert.safetensors", int cases_there = 6) {
  const SafetensorsFile golden = read_safetensors(kFolder + file);
  const Json cases = Json::parse(golden.metadata.at("cases"));
  const SearchSpace listed = SearchSpace::load(
      std::string(CONCERTINA_SOURCE_DIR) + "/configs/spaces/lighthubert-" + space_name + ".yaml");
  Blueprint blueprint = listed.blueprint();
  blueprint.wave.norm = norm;
  blueprint.normalize_waveform = false;  // the package leaves it to its caller
  const Storage storage = listed.storage();
  const SearchSpace space(blueprint, listed.choices(), {}, storage.rule, storage.largest);
  const Supernet model = closed_form_model(space);
  const SpeechBatch batch = golden_batch(10000);
  at::InferenceMode inference;
  const std::string prefix =
      space_name + (norm == ExtractorNorm::kLayer ? "/layer_norm/" : "/default/");
  int seen = 0;
  for (const auto& [name, values] : golden.tensors) {
    if (!name.starts_with(prefix)) continue;
    const Json subnet = Json::parse(cases.at(name).get<std::string>());
    const Architecture architecture = space.resolve(subnet.at("subnet").dump());
    EXPECT_EQ(
        cost_of(blueprint, architecture, 16000, storage.largest.embed_dim()).params_lighthubert,
        subnet.at("params").get<int64_t>())
        << name;
    const EncoderOutput output = encode(model.slice(architecture), batch, {.all_hidden = true});
    std::vector<at::Tensor> kept;
    for (size_t i = 1; i < output.hidden.size(); ++i)
      kept.push_back(output.hidden[i].flatten().slice(0, 0, std::nullopt, 37));
    expect_near(at::cat(kept), values, name + " " + architecture.key());
    ++seen;
  }
  EXPECT_EQ(seen, cases_there);
}

TEST(Golden, LightHubertBaseDefault) { expect_lighthubert("base", ExtractorNorm::kGroup); }
TEST(Golden, LightHubertBaseLayerNorm) { expect_lighthubert("base", ExtractorNorm::kLayer); }
TEST(Golden, LightHubertSmallDefault) { expect_lighthubert("small", ExtractorNorm::kGroup); }
TEST(Golden, LightHubertSmallLayerNorm) { expect_lighthubert("small", ExtractorNorm::kLayer); }

// The package computes local attention in two modes, which our one covers.
TEST(Golden, LightHubertSlideWindows) {
  expect_lighthubert("small", ExtractorNorm::kLayer, "lighthubert_windows.safetensors", 4);
}

}  // namespace
}  // namespace concertina
