#include "supernet/nn/encoder_layer.h"

#include <cmath>
#include <utility>

#include "supernet/nn/attention.h"
#include "supernet/nn/grouped_conv.h"
#include "supernet/nn/linear_attention.h"
#include "supernet/nn/norm_gelu.h"
#include "supernet/nn/ops.h"

namespace concertina {
namespace {

at::Tensor to_interleaved_groups(const at::Tensor& t, int64_t dim, int64_t groups) {
  return t.unflatten(dim, {groups, t.size(dim) / groups})
      .transpose(dim, dim + 1)
      .flatten(dim, dim + 1);
}

// [1, 1, T, T] bool: frame i attends to key j when |i - j| <= window / 2.
at::Tensor window_mask(int64_t frames, int64_t window, at::Device device) {
  at::Tensor position = at::arange(frames, at::TensorOptions(device).dtype(at::kLong));
  return ((position.unsqueeze(0) - position.unsqueeze(1)).abs() <= window / 2)
      .view({1, 1, frames, frames});
}

// [B, heads, T, 1]: WavLM's gate, from each head's channels of the layer's input.
at::Tensor position_gate(const LayerWeights& layer, const at::Tensor& x) {
  const int64_t heads = layer.shape.heads, width = layer.gate.weight.size(1);
  at::Tensor parts = x.narrow(2, 0, heads * width).unflatten(2, {heads, width}).transpose(1, 2);
  at::Tensor gates = linear(parts, layer.gate).to(at::kFloat).unflatten(3, {2, -1}).sum(-1);
  gates = gates.sigmoid();
  return gates.narrow(3, 0, 1) * (gates.narrow(3, 1, 1) * layer.gate_scale - 1.0) + 2.0;
}

// Additive bias of the scores, or a bool mask of the attended keys; undefined: neither.
at::Tensor score_mask(const LayerWeights& layer, const at::Tensor& x,
                      const AttentionContext& context) {
  at::Tensor attended = context.mask;
  if (layer.shape.window > 0) {
    at::Tensor band = window_mask(x.size(1), layer.shape.window, x.device());
    attended = attended.defined() ? attended.logical_and(band) : band;
  }
  if (!context.position_bias.defined()) return attended;
  at::Tensor bias = context.position_bias.narrow(1, 0, layer.shape.heads);
  if (layer.gate.weight.defined()) bias = position_gate(layer, x) * bias;
  return attended.defined() ? bias.masked_fill(attended.logical_not(), -INFINITY) : bias;
}

// softmax(q k' / sqrt(d)) with the mask; a fully masked row is zero, as in ATen's attention.
at::Tensor attention_map(const at::Tensor& q, const at::Tensor& k, const at::Tensor& mask) {
  const at::Tensor scaled = q * (1.0 / std::sqrt(static_cast<double>(q.size(3))));
  at::Tensor scores = checked_matmul(scaled, k.transpose(2, 3), q.size(3), 0).to(at::kFloat);
  if (mask.defined()) {
    scores = mask.scalar_type() == at::kBool ? scores.masked_fill(mask.logical_not(), -INFINITY)
                                             : scores + mask;
  }
  return at::_safe_softmax(scores, -1).to(q.scalar_type());
}

at::Tensor attention(const LayerWeights& layer, const at::Tensor& x, AttentionContext& context,
                     LayerActivations* inside) {
  const int64_t heads = layer.shape.heads;
  const double dropped = context.dropout.rates().attention;
  at::Tensor map = context.map;
  const at::Tensor v = linear(x, layer.v);
  const bool keep = inside != nullptr && inside->keep_projections;
  if (keep) inside->value = v;
  if (layer.q.weight.defined()) {
    const at::Tensor q = linear(x, layer.q), k = linear(x, layer.k);
    if (keep) inside->query = q, inside->key = k;
    if (layer.shape.is_linear())
      return linear(linear_attention(q, k, v, heads, context.mask), layer.out);
    const bool fused = !layer.map_is_reused && dropped == 0;
    if (fused && layer.shape.window > 0 && !context.position_bias.defined())
      return linear(windowed_attention(q, k, v, heads, context.mask, layer.shape.window),
                    layer.out);
    const at::Tensor mask = score_mask(layer, x, context);
    if (fused) {
      return linear(masked_attention(q, k, v, heads, mask), layer.out);
    }
    map = attention_map(by_heads(q, heads), by_heads(k, heads), mask);
    if (layer.map_is_reused) context.map = map;
  }
  map = context.dropout.apply(map.narrow(1, 0, heads), dropped, DropoutPlace::kAttention,
                              layer.shape.index);
  const at::Tensor y = checked_matmul(map, by_heads(v, heads), 0, v.size(2) / heads);
  return linear(y.transpose(1, 2).flatten(2), layer.out);
}

at::Tensor feed_forward(const LayerWeights& layer, const at::Tensor& x, const Dropout& dropout) {
  const double dropped = dropout.rates().activation;
  if (dropped > 0) {
    const at::Tensor h = fast_gelu(linear(x, layer.fc1));
    return linear(dropout.apply(h, dropped, DropoutPlace::kFfn, layer.shape.index), layer.fc2);
  }
  Recompute recompute;
  const at::Tensor h = fast_gelu(linear(x, layer.fc1), &recompute);
  const at::Tensor y = linear(h, layer.fc2);
  recompute_for_backward(h, y, std::move(recompute));
  return y;
}

}  // namespace

at::Tensor positional_conv(const PositionalConv& shape, const Affine& conv, const at::Tensor& x) {
  const at::Tensor input = shape.interleaved ? to_contiguous_groups(x, 2, shape.groups) : x;
  const at::Tensor y = fast_gelu(grouped_conv(input, conv.weight, conv.bias, shape.groups));
  return x + (shape.interleaved ? to_interleaved_groups(y, 2, shape.groups) : y);
}

at::Tensor encoder_layer(const Blueprint& blueprint, const LayerWeights& layer, const at::Tensor& x,
                         AttentionContext& context, LayerActivations* inside) {
  const bool post = blueprint.norm_position == NormPosition::kPost;
  const auto keep = [&](at::Tensor LayerActivations::* which, const at::Tensor& value) {
    if (inside != nullptr) inside->*which = value;
  };
  const auto dropped = [&](const at::Tensor& value, DropoutPlace place) {
    const Dropout& dropout = context.dropout;
    return dropout.apply(value, dropout.rates().hidden, place, layer.shape.index);
  };
  at::Tensor h = x;
  keep(&LayerActivations::input, x);
  if (layer.shape.heads > 0) {
    const at::Tensor input = post ? h : layer_norm(h, layer.attention_norm);
    keep(&LayerActivations::attention_input, input);
    h = h + dropped(attention(layer, input, context, inside), DropoutPlace::kAttentionOutput);
    if (post) h = layer_norm(h, layer.attention_norm);
    keep(&LayerActivations::attention_output, h);
  }
  if (layer.shape.ffn_dim > 0) {
    const at::Tensor input = post ? h : layer_norm(h, layer.final_norm);
    keep(&LayerActivations::ffn_input, input);
    at::Tensor output = feed_forward(layer, input, context.dropout);
    keep(&LayerActivations::ffn_output, output);
    output = dropped(output, DropoutPlace::kFfnOutput);
    h = post ? layer_norm(h + output, layer.final_norm) : h + output;
  }
  return h;
}

}  // namespace concertina
