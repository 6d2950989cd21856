#include "supernet/nn/rate.h"

#include <ATen/core/grad_mode.h>

#include "supernet/nn/ops.h"

namespace concertina {

at::Tensor cif_alpha(const at::Tensor& features, const at::Tensor& valid,
                     const RateWeights& weights) {
  // For a frame in two slots a rounding error of the cumulated weights is divided by its own
  // weight: acceptable for fp32 gradients, not for features.
  const auto dtype = at::GradMode::is_enabled() ? at::kFloat : at::kDouble;
  const auto in = [&](const Affine& a) { return Affine{a.weight.to(dtype), a.bias.to(dtype)}; };
  at::Tensor x = features.to(dtype);
  if (valid.defined()) x = x * valid.unsqueeze(2);
  const int64_t padding = weights.conv.weight.size(2) / 2;
  x = conv_time(x, in(weights.conv), 1, padding, 1);
  x = layer_norm(x, in(weights.norm)).relu();
  const at::Tensor alpha = linear(x, in(weights.proj)).squeeze(2).sigmoid();
  return valid.defined() ? alpha * valid : alpha;
}

Compression cif(const at::Tensor& alpha, const at::Tensor& target) {
  const at::Device device = alpha.device();
  // Double: a cumulated fp32 sum would miss firings at exact integers.
  at::Tensor weight = alpha.to(at::kDouble);
  weight = weight * (to_device(target, device).to(at::kDouble).unsqueeze(1) /
                     weight.sum(1, true).clamp_min(1e-8));
  at::Tensor end = weight.cumsum(1).unsqueeze(1);  // [B, 1, T]
  at::Tensor begin = end - weight.unsqueeze(1);
  const int64_t slots = target.max().item<int64_t>();
  at::Tensor slot = at::arange(slots, weight.options()).view({1, slots, 1});
  at::Tensor overlap = (at::minimum(end, slot + 1) - at::maximum(begin, slot)).clamp_min(0);
  Compression result;
  result.forward = overlap.to(at::kFloat);
  result.back = (overlap / overlap.sum(1, true).clamp_min(1e-8)).transpose(1, 2).to(at::kFloat);
  result.lengths = target;
  return result;
}

at::Tensor join_frames(const at::Tensor& x, int64_t joined, const Affine& unit) {
  at::Tensor whole = x;
  if (const int64_t missing = joined - x.size(1); missing > 0) {
    whole = at::cat({x, at::zeros({x.size(0), missing, x.size(2)}, x.options())}, 1);
  }
  if (unit.weight.defined() && unit.weight.dim() == 3) return conv_time(whole, unit, joined, 0, 1);
  const int64_t slots = whole.size(1) / joined;
  whole = whole.narrow(1, 0, slots * joined).unflatten(1, {slots, joined});
  return unit.weight.defined() ? linear(whole.flatten(2), unit) : whole.mean(2);
}

at::Tensor joined_back_map(int64_t frames, int64_t joined, const at::Tensor& lengths,
                           at::Device device) {
  const auto integers = at::TensorOptions(device).dtype(at::kLong);
  const at::Tensor slot = at::arange(frames, integers).div(joined, "floor").unsqueeze(0);
  const at::Tensor last = to_device(lengths - 1, device).unsqueeze(1);
  const at::Tensor slots = at::arange(lengths.max().item<int64_t>(), integers);
  return at::minimum(slot, last).unsqueeze(2).eq(slots).to(at::kFloat);
}

}  // namespace concertina
