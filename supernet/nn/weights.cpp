#include "supernet/nn/weights.h"

#include <fmt/format.h>

#include "core/errors.h"

namespace concertina {
namespace {

// Looks tensors up by name and remembers the ones that were not there, to name them all at once.
class Lookup {
 public:
  explicit Lookup(const TensorMap& tensors) : tensors_(tensors) {}

  at::Tensor tensor(const std::string& name) {
    auto found = tensors_.find(name);
    if (found != tensors_.end()) return found->second;
    missing_ += (missing_.empty() ? "" : ", ") + name;
    return {};
  }
  Affine affine(const std::string& name) {
    return {tensor(name + ".weight"), tensor(name + ".bias")};
  }
  void finish() const {
    if (!missing_.empty()) throw InputError("tensors are missing: " + missing_);
  }

 private:
  const TensorMap& tensors_;
  std::string missing_;
};

std::vector<ConvWeights> conv_stack(const WaveFrontEnd& wave, Lookup& lookup) {
  std::vector<ConvWeights> convs(wave.layers.size());
  for (size_t i = 0; i < convs.size(); ++i) {
    const std::string base = fmt::format("feature_extractor.conv_layers.{}", i);
    convs[i].weight = lookup.tensor(base + ".0.weight");
    if (wave.bias) convs[i].bias = lookup.tensor(base + ".0.bias");
    if (wave.norm == ExtractorNorm::kLayer) convs[i].norm = lookup.affine(base + ".2.1");
    if (wave.norm == ExtractorNorm::kGroup && i == 0) convs[i].norm = lookup.affine(base + ".2");
  }
  return convs;
}

LayerWeights encoder_layer(const LayerShape& shape, Lookup& lookup) {
  const std::string base = fmt::format("encoder.layers.{}.", shape.index);
  LayerWeights layer{.shape = shape};
  if (shape.heads > 0) {
    layer.q = lookup.affine(base + "self_attn.q_proj");
    layer.k = lookup.affine(base + "self_attn.k_proj");
    layer.v = lookup.affine(base + "self_attn.v_proj");
    layer.out = lookup.affine(base + "self_attn.out_proj");
    layer.attention_norm = lookup.affine(base + "self_attn_layer_norm");
  }
  if (shape.ffn_dim > 0) {
    layer.fc1 = lookup.affine(base + "fc1");
    layer.fc2 = lookup.affine(base + "fc2");
    layer.final_norm = lookup.affine(base + "final_layer_norm");
  }
  return layer;
}

}  // namespace

at::Tensor weight_norm(const at::Tensor& g, const at::Tensor& v) {
  return v * (g / v.norm(2, {0, 1}, /*keepdim=*/true));
}

EncoderWeights assemble(const Blueprint& blueprint, const Architecture& architecture,
                        const TensorMap& tensors) {
  Lookup lookup(tensors);
  EncoderWeights weights;
  if (blueprint.front_end == FrontEndKind::kWave) {
    weights.convs = conv_stack(blueprint.wave, lookup);
    weights.feature_norm = lookup.affine("layer_norm");
  } else {
    weights.mel_mean = lookup.tensor("feature_extractor.mel.mean");
    weights.mel_std = lookup.tensor("feature_extractor.mel.std");
  }
  weights.projection = lookup.affine("post_extract_proj");
  weights.mask_emb = lookup.tensor("mask_emb");
  if (blueprint.rate == RateKind::kCif &&
      architecture.frame_period_us() > blueprint.base_frame_period_us()) {
    weights.rate = RateWeights{lookup.affine("rate.conv"), lookup.affine("rate.layer_norm"),
                               lookup.affine("rate.proj")};
  }
  const std::string positional = "encoder.pos_conv.0.";
  weights.positional.bias = lookup.tensor(positional + "bias");
  if (blueprint.positional.weight_norm) {
    at::Tensor g = lookup.tensor(positional + "weight_g"),
               v = lookup.tensor(positional + "weight_v");
    if (g.defined() && v.defined()) weights.positional.weight = weight_norm(g, v);
  } else {
    weights.positional.weight = lookup.tensor(positional + "weight");
  }
  weights.encoder_norm = lookup.affine("encoder.layer_norm");
  for (const LayerShape& shape : architecture.layers())
    weights.layers.push_back(encoder_layer(shape, lookup));
  lookup.finish();
  return weights;
}

}  // namespace concertina
