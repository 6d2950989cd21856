#include "supernet/nn/rate.h"

#include "supernet/nn/ops.h"

namespace concertina {

at::Tensor cif_alpha(const at::Tensor& features, const at::Tensor& valid,
                     const RateWeights& weights) {
  at::Tensor x = features.to(at::kFloat);
  if (valid.defined()) x = x * valid.unsqueeze(2);
  const int64_t padding = weights.conv.weight.size(2) / 2;
  x = conv_time(x, {weights.conv.weight.to(at::kFloat), weights.conv.bias}, 1, padding, 1);
  x = layer_norm(x, weights.norm).relu();
  at::Tensor alpha =
      linear(x, {weights.proj.weight.to(at::kFloat), weights.proj.bias}).squeeze(2).sigmoid();
  return valid.defined() ? alpha * valid : alpha;
}

Compression cif(const at::Tensor& alpha, const at::Tensor& target) {
  const at::Device device = alpha.device();
  // Double: a cumulated fp32 sum would miss firings at exact integers.
  at::Tensor weight = alpha.to(at::kDouble);
  weight = weight *
           (target.to(device).to(at::kDouble).unsqueeze(1) / weight.sum(1, true).clamp_min(1e-8));
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

}  // namespace concertina
