#include "supernet/nn/weights.h"

#include <fmt/format.h>

#include "core/errors.h"
#include "supernet/nn/grouped_conv.h"
#include "supernet/nn/ops.h"
#include "supernet/space/slicing.h"

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

// The layout that conv_time multiplies with, made once a subnet.
at::Tensor taps_first(const at::Tensor& kernel) {
  if (!kernel.defined()) return kernel;
  return kernel.unsqueeze(2).contiguous(at::MemoryFormat::ChannelsLast).squeeze(2);
}

std::vector<ConvWeights> conv_stack(const WaveFrontEnd& wave, Lookup& lookup) {
  std::vector<ConvWeights> convs(wave.layers.size());
  for (size_t i = 0; i < convs.size(); ++i) {
    const std::string base = fmt::format("feature_extractor.conv_layers.{}", i);
    convs[i].weight = taps_first(lookup.tensor(base + ".0.weight"));
    if (wave.bias) convs[i].bias = lookup.tensor(base + ".0.bias");
    if (wave.norm == ExtractorNorm::kLayer) convs[i].norm = lookup.affine(base + ".2.1");
    if (wave.norm == ExtractorNorm::kGroup && i == 0) convs[i].norm = lookup.affine(base + ".2");
  }
  return convs;
}

void attention_map(const Blueprint& blueprint, const std::string& base, LayerWeights& layer,
                   Lookup& lookup) {
  layer.q = lookup.affine(base + "q_proj");
  layer.k = lookup.affine(base + "k_proj");
  if (blueprint.relative_position.buckets > 0 && blueprint.relative_position.gated) {
    layer.gate = lookup.affine(base + "grep_linear");
    layer.gate_scale = lookup.tensor(base + "grep_a");
  }
}

LayerWeights encoder_layer(const Blueprint& blueprint, const LayerShape& shape, Lookup& lookup) {
  const std::string base = fmt::format("encoder.layers.{}.", shape.index);
  LayerWeights layer{.shape = shape};
  if (shape.heads > 0) {
    if (!blueprint.reuses_attention(shape.index)) {
      attention_map(blueprint, base + "self_attn.", layer, lookup);
    }
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

void mark_reused_maps(const Blueprint& blueprint, std::vector<LayerWeights>& layers) {
  bool next_reuses = false;
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
    if (layer->shape.heads == 0) continue;
    layer->map_is_reused = next_reuses;
    next_reuses = blueprint.reuses_attention(layer->shape.index);
  }
}

// The part that changes the frame rate.
void rate_unit(const Blueprint& blueprint, const Architecture& architecture, Lookup& lookup,
               EncoderWeights& weights) {
  if (!has_rate_unit(blueprint, architecture)) return;
  if (blueprint.joins_frames()) {
    weights.join = lookup.affine(blueprint.rate == RateKind::kConv ? "rate.conv" : "rate.linear");
    return;
  }
  weights.rate = RateWeights{lookup.affine("rate.conv"), lookup.affine("rate.layer_norm"),
                             lookup.affine("rate.proj")};
}

Affine positional_conv(const PositionalConv& shape, Lookup& lookup) {
  const std::string name = "encoder.pos_conv.0.";
  Affine conv;
  conv.bias = lookup.tensor(name + "bias");
  if (shape.weight_norm) {
    const at::Tensor g = lookup.tensor(name + "weight_g"), v = lookup.tensor(name + "weight_v");
    if (g.defined() && v.defined()) conv.weight = weight_norm(g, v);
  } else {
    conv.weight = lookup.tensor(name + "weight");
  }
  if (shape.interleaved && conv.weight.defined() && conv.bias.defined()) {
    conv.weight = to_contiguous_groups(conv.weight, 0, shape.groups);
    conv.bias = to_contiguous_groups(conv.bias, 0, shape.groups);
  }
  if (conv.weight.defined()) conv.weight = tap_by_tap(conv.weight);
  return conv;
}

}  // namespace

at::Tensor weight_norm(const at::Tensor& g, const at::Tensor& v) {
  // Fused forth and back, but both have to be fp32.
  return at::_weight_norm(v.to(at::kFloat), g.to(at::kFloat), /*dim=*/2).to(v.scalar_type());
}

EncoderWeights assemble(const Blueprint& blueprint, const Architecture& architecture,
                        const TensorMap& tensors) {
  Lookup lookup(tensors);
  EncoderWeights weights;
  if (blueprint.front_end == FrontEndKind::kWave) {
    weights.convs = conv_stack(blueprint.wave, lookup);
    if (blueprint.wave.feature_scale) {
      weights.feature_scale = lookup.tensor("feature_extractor.dummy_weight");
    }
    if (blueprint.wave.feature_norm) weights.feature_norm = lookup.affine("layer_norm");
  } else {
    weights.mel_mean = lookup.tensor("feature_extractor.mel.mean");
    weights.mel_std = lookup.tensor("feature_extractor.mel.std");
  }
  if (blueprint.projection) weights.projection = lookup.affine("post_extract_proj");
  weights.mask_emb = lookup.tensor("mask_emb");
  rate_unit(blueprint, architecture, lookup, weights);
  weights.positional = positional_conv(blueprint.positional, lookup);
  weights.encoder_norm = lookup.affine("encoder.layer_norm");
  if (blueprint.relative_position.buckets > 0 && most_mapping_heads(blueprint, architecture) > 0) {
    weights.position_table =
        lookup.tensor("encoder.layers.0.self_attn.relative_attention_bias.weight");
  }
  for (const LayerShape& shape : architecture.layers())
    weights.layers.push_back(encoder_layer(blueprint, shape, lookup));
  mark_reused_maps(blueprint, weights.layers);
  lookup.finish();
  return weights;
}

}  // namespace concertina
