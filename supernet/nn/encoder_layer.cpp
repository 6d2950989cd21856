#include "supernet/nn/encoder_layer.h"

#include "supernet/nn/norm_gelu.h"
#include "supernet/nn/ops.h"

namespace concertina {
namespace {

at::Tensor to_contiguous_groups(const at::Tensor& t, int64_t dim, int64_t groups) {
  return t.unflatten(dim, {t.size(dim) / groups, groups})
      .transpose(dim, dim + 1)
      .flatten(dim, dim + 1);
}

at::Tensor to_interleaved_groups(const at::Tensor& t, int64_t dim, int64_t groups) {
  return t.unflatten(dim, {groups, t.size(dim) / groups})
      .transpose(dim, dim + 1)
      .flatten(dim, dim + 1);
}

// [1, 1, T, T] bool: key j is seen from frame i when |i - j| <= window / 2.
at::Tensor window_mask(int64_t frames, int64_t window, at::Device device) {
  at::Tensor position = at::arange(frames, at::TensorOptions(device).dtype(at::kLong));
  return ((position.unsqueeze(0) - position.unsqueeze(1)).abs() <= window / 2)
      .view({1, 1, frames, frames});
}

at::Tensor attention(const LayerWeights& layer, const at::Tensor& x, at::Tensor mask) {
  const int64_t heads = layer.shape.heads;
  const auto split = [&](const Affine& proj) {
    return linear(x, proj).unflatten(2, {heads, -1}).transpose(1, 2);
  };
  if (layer.shape.window > 0) {
    at::Tensor band = window_mask(x.size(1), layer.shape.window, x.device());
    mask = mask.defined() ? mask.logical_and(band) : band;
  }
  const auto optional_mask = mask.defined() ? std::optional<at::Tensor>(mask) : std::nullopt;
  at::Tensor y = at::scaled_dot_product_attention(split(layer.q), split(layer.k), split(layer.v),
                                                  optional_mask);
  return linear(y.transpose(1, 2).flatten(2), layer.out);
}

at::Tensor feed_forward(const LayerWeights& layer, const at::Tensor& x) {
  return linear(fast_gelu(linear(x, layer.fc1)), layer.fc2);
}

}  // namespace

at::Tensor positional_conv(const PositionalConv& shape, const Affine& conv, const at::Tensor& x) {
  Affine kernel = conv;
  at::Tensor input = x;
  if (shape.interleaved) {
    kernel.weight = to_contiguous_groups(conv.weight, 0, shape.groups);
    kernel.bias = to_contiguous_groups(conv.bias, 0, shape.groups);
    input = to_contiguous_groups(x, 2, shape.groups);
  }
  at::Tensor y = conv_time(input, kernel, 1, shape.kernel / 2, shape.groups);
  if (shape.kernel % 2 == 0) y = y.narrow(1, 0, y.size(1) - 1);
  y = fast_gelu(y);
  return x + (shape.interleaved ? to_interleaved_groups(y, 2, shape.groups) : y);
}

at::Tensor encoder_layer(const Blueprint& blueprint, const LayerWeights& layer, const at::Tensor& x,
                         const at::Tensor& attention_mask, at::Tensor* ffn_result) {
  const bool post = blueprint.norm_position == NormPosition::kPost;
  at::Tensor h = x;
  if (layer.shape.heads > 0) {
    h = post ? layer_norm(h + attention(layer, h, attention_mask), layer.attention_norm)
             : h + attention(layer, layer_norm(h, layer.attention_norm), attention_mask);
  }
  if (layer.shape.ffn_dim > 0) {
    at::Tensor result = feed_forward(layer, post ? h : layer_norm(h, layer.final_norm));
    if (ffn_result != nullptr) *ffn_result = result;
    h = post ? layer_norm(h + result, layer.final_norm) : h + result;
  }
  return h;
}

}  // namespace concertina
