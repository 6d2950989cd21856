// Parity with the packages the checkpoints come from: hidden states made by tests/parity/golden/ from
// closed-form weights.
#include <nlohmann/json.hpp>

#include "supernet/space/cost.h"
#include "supernet/space/resolve.h"
#include "supernet/space/search_space_config.h"
#include "tests/model/closed_form.h"

namespace concertina {
namespace {

using Json = nlohmann::json;
using testing::expect_near;
using testing::golden_batch;
using testing::thinned;

// The first clip alone, and the padded batch with and without transformers' attention mask.
void expect_hubert(const std::string& name, const Blueprint& blueprint) {
  const SafetensorsFile golden = read_safetensors(testing::kGolden + "hubert.safetensors");
  std::vector<LayerShape> layers;
  for (int32_t i = 0; i < 4; ++i) layers.push_back({i, 2, 256, 0});
  const Architecture architecture(std::vector<int32_t>(7, 32), 128, 20000, layers);
  const Subnet subnet = testing::closed_form_model(blueprint, architecture).slice(architecture);
  at::InferenceMode inference;
  const auto states = [&](const SpeechBatch& batch) {
    return encode(subnet, batch, {.all_hidden = true}).hidden;
  };
  expect_near(at::stack(states(golden_batch({16000}))).squeeze(1), golden.tensors.at(name), name);
  SpeechBatch padded = golden_batch({16000, 9000, 4321});
  padded.padding = Padding::kOriginalHf;
  expect_near(thinned(states(padded), 7), golden.tensors.at(name + "/padded"), name + "/padded");
  if (const auto found = golden.tensors.find(name + "/unmasked"); found != golden.tensors.end()) {
    expect_near(thinned(states(make_batch(padded.waveform)), 7), found->second, found->first);
  }
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

// A batch with the package's own padding mask, and its state 0, which comes before the positional
// conv.
void expect_padded_lighthubert(const Supernet& model, const SafetensorsFile& golden,
                               const std::string& mode) {
  SpeechBatch batch = golden_batch({10000, 7000, 4321});
  batch.padding = Padding::kOriginal;
  const Architecture architecture =
      resolve_architecture(model.space(), "c=512 e=384 p=20000 L=0-11:6x1536");
  const EncoderOutput output =
      encode(model.slice(architecture), batch, {.all_hidden = true, .projected = true});
  std::vector<at::Tensor> kept = {output.frames.projected};
  kept.insert(kept.end(), output.hidden.begin() + 1, output.hidden.end());
  for (at::Tensor& state : kept) state = state.flatten().slice(0, 0, std::nullopt, 37);
  expect_near(at::cat(kept), golden.tensors.at("padded/" + mode), "padded " + mode);
}

// LightHuBERT's spaces at full size; every 37th value of every state after a layer.
void expect_lighthubert(const std::string& space_name, ExtractorNorm norm,
                        const std::string& file = "lighthubert.safetensors", int cases_there = 6) {
  const SafetensorsFile golden = read_safetensors(testing::kGolden + file);
  const Json cases = Json::parse(golden.metadata.at("cases"));
  const SearchSpace listed = load_search_space(
      std::string(CONCERTINA_SOURCE_DIR) + "/configs/spaces/lighthubert-" + space_name + ".yaml");
  Blueprint blueprint = listed.blueprint();
  blueprint.wave.norm = norm;
  blueprint.normalize_waveform = false;  // the package leaves it to its caller
  const Storage storage = listed.storage();
  const SearchSpace space(blueprint, listed.choices(), {}, storage.rule, storage.shape);
  const Supernet model = testing::closed_form_model(space);
  const SpeechBatch batch = golden_batch({10000});
  at::InferenceMode inference;
  const std::string prefix =
      space_name + (norm == ExtractorNorm::kLayer ? "/layer_norm/" : "/default/");
  int seen = 0;
  for (const auto& [name, values] : golden.tensors) {
    if (!name.starts_with(prefix)) continue;
    const Json subnet = Json::parse(cases.at(name).get<std::string>());
    const Architecture architecture =
        resolve_architecture(space, subnet.at("subnet").dump(), Accept::kSliceable);
    EXPECT_EQ(cost_of(blueprint, architecture, 16000, storage.shape.embed_dim()).params_lighthubert,
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
  const std::string mode = norm == ExtractorNorm::kLayer ? "layer_norm" : "default";
  if (space_name == "small" && golden.tensors.contains("padded/" + mode))
    expect_padded_lighthubert(model, golden, mode);
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
