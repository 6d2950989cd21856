#include "supernet/nn/weights.h"

#include <algorithm>
#include <functional>
#include <ranges>
#include <stdexcept>
#include <utility>

#include "core/errors.h"
#include "supernet/nn/grouped_conv.h"
#include "supernet/nn/layer_weights.h"
#include "supernet/nn/ops.h"
#include "supernet/space/tensor_table.h"

namespace concertina {
namespace {

// The layout that conv_time reads, converted once per subnet.
at::Tensor taps_first(const at::Tensor& kernel) {
  if (!kernel.defined()) return kernel;
  return kernel.unsqueeze(2).contiguous(at::MemoryFormat::ChannelsLast).squeeze(2);
}

// Binds tensors to members of EncoderWeights: the member of each row of the table.
class Binding {
 public:
  Binding(const Blueprint& blueprint, const Architecture& architecture) : blueprint_(blueprint) {
    weights_.convs.resize(architecture.conv_channels().size());
    for (const LayerShape& shape : architecture.layers())
      weights_.layers.push_back({.shape = shape});
  }

  void bind(const TensorId& id, const at::Tensor& tensor) {
    if (id.part == TensorPart::kWhole) {
      single(id) = tensor;
    } else if (id.part == TensorPart::kScale) {
      scale_ = tensor;
    } else {
      Affine& place = affine(id);
      (id.part == TensorPart::kBias ? place.bias : place.weight) = tensor;
    }
  }

  // Once all are bound: converts them to the layouts that the forward pass reads.
  EncoderWeights finish() && {
    for (ConvWeights& conv : weights_.convs) conv.affine.weight = taps_first(conv.affine.weight);
    if (weights_.stem) {
      weights_.stem->input.weight = taps_first(weights_.stem->input.weight);
      weights_.stem->output.weight = taps_first(weights_.stem->output.weight);
    }
    if (weights_.positional.weight.defined()) finish_positional_conv();
    mark_reused_maps();
    return std::move(weights_);
  }

 private:
  LayerWeights& layer(const TensorId& id) {
    return *std::ranges::lower_bound(weights_.layers, id.index, {},
                                     [](const LayerWeights& l) { return l.shape.index; });
  }
  ConvWeights& conv(const TensorId& id) { return weights_.convs[static_cast<size_t>(id.index)]; }
  StemWeights& stem() { return weights_.stem ? *weights_.stem : weights_.stem.emplace(); }
  RateWeights& rate() { return weights_.rate ? *weights_.rate : weights_.rate.emplace(); }

  at::Tensor& single(const TensorId& id) {
    switch (id.module()) {
      case TensorModule::kMelMean:
        return weights_.mel_mean;
      case TensorModule::kMelStd:
        return weights_.mel_std;
      case TensorModule::kFeatureScale:
        return weights_.feature_scale;
      case TensorModule::kMaskEmbedding:
        return weights_.mask_emb;
      case TensorModule::kPositions:
        return weights_.positions;
      case TensorModule::kPositionTable:
        return weights_.position_table;
      case TensorModule::kPositionGateScale:
        return layer(id).gate_scale;
      default:
        throw std::logic_error(tensor_name(id) + " is not bound");
    }
  }

  Affine& affine(const TensorId& id) {
    return is_per_encoder_layer(id.module()) ? layer_affine(layer(id), id) : shared_affine(id);
  }

  Affine& shared_affine(const TensorId& id) {
    switch (id.module()) {
      case TensorModule::kConv:
        return conv(id).affine;
      case TensorModule::kConvNorm:
        return conv(id).norm;
      case TensorModule::kFeatureNorm:
        return weights_.feature_norm;
      case TensorModule::kRateConv:
        return rate().conv;
      case TensorModule::kRateNorm:
        return rate().norm;
      case TensorModule::kRateProjection:
        return rate().proj;
      case TensorModule::kJoin:
        return weights_.join;
      case TensorModule::kStemInput:
        return stem().input;
      case TensorModule::kStemOutput:
        return stem().output;
      case TensorModule::kProjection:
        return weights_.projection;
      case TensorModule::kPositionalConv:
        return weights_.positional;
      case TensorModule::kEncoderNorm:
        return weights_.encoder_norm;
      default:
        throw std::logic_error(tensor_name(id) + " is not bound");
    }
  }

  static Affine& layer_affine(LayerWeights& layer, const TensorId& id) {
    switch (id.module()) {
      case TensorModule::kKey:
        return layer.k;
      case TensorModule::kValue:
        return layer.v;
      case TensorModule::kQuery:
        return layer.q;
      case TensorModule::kAttentionOutput:
        return layer.out;
      case TensorModule::kPositionGate:
        return layer.gate;
      case TensorModule::kAttentionNorm:
        return layer.attention_norm;
      case TensorModule::kFfnInput:
        return layer.fc1;
      case TensorModule::kFfnOutput:
        return layer.fc2;
      case TensorModule::kFfnNorm:
        return layer.final_norm;
      default:
        throw std::logic_error(tensor_name(id) + " is not bound");
    }
  }

  void finish_positional_conv() {
    const PositionalConv& shape = blueprint_.positional;
    Affine& conv = weights_.positional;
    if (scale_.defined()) conv.weight = weight_norm(scale_, conv.weight);
    if (shape.interleaved) {
      conv.weight = to_contiguous_groups(conv.weight, 0, shape.groups);
      conv.bias = to_contiguous_groups(conv.bias, 0, shape.groups);
    }
    conv.weight = tap_by_tap(conv.weight);
  }

  void mark_reused_maps() {
    bool next_reuses = false;
    for (LayerWeights& layer : std::views::reverse(weights_.layers)) {
      if (layer.shape.heads == 0) continue;
      layer.map_is_reused = next_reuses;
      next_reuses = blueprint_.reuses_attention(layer.shape.index);
    }
  }

  const Blueprint& blueprint_;
  at::Tensor scale_;  // of the positional conv's weight norm
  EncoderWeights weights_;
};

// The tensors for which `wanted` holds.
EncoderWeights bound(const Blueprint& blueprint, const Architecture& architecture,
                     const TensorMap& tensors, const std::function<bool(const TensorId&)>& wanted) {
  Binding binding(blueprint, architecture);
  std::string missing;
  for (const TensorEntry& entry : tensor_table(blueprint, architecture)) {
    if (!wanted(entry.id)) continue;
    const std::string name = tensor_name(entry.id);
    if (const auto found = tensors.find(name); found != tensors.end()) {
      binding.bind(entry.id, found->second);
    } else {
      missing += (missing.empty() ? "" : ", ") + name;
    }
  }
  if (!missing.empty()) throw InputError("tensors are missing: " + missing);
  return std::move(binding).finish();
}

}  // namespace

at::Tensor weight_norm(const at::Tensor& g, const at::Tensor& v) {
  // Fused forth and back, but both have to be fp32.
  return at::_weight_norm(v.to(at::kFloat), g.to(at::kFloat), /*dim=*/2).to(v.scalar_type());
}

EncoderWeights assemble(const Blueprint& blueprint, const Architecture& architecture,
                        const TensorMap& tensors) {
  return bound(blueprint, architecture, tensors, [](const TensorId&) { return true; });
}

LayerWeights assemble_layer(const Blueprint& blueprint, const Architecture& architecture,
                            const TensorMap& tensors) {
  const int32_t first = architecture.layers().front().index;
  const auto is_of_layer = [=](const TensorId& id) {
    return is_per_encoder_layer(id.module()) && id.index == first;
  };
  return bound(blueprint, architecture, tensors, is_of_layer).layers.front();
}

}  // namespace concertina
