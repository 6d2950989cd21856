#include "supernet/nn/linear_attention.h"

#include <torch/csrc/autograd/custom_function.h>

#include <optional>

#include "supernet/nn/attention.h"

namespace concertina {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

constexpr double kTiny = 1e-6;  // the authors' code has it too

// elu(x) + 1 in fp32, zero where `hidden`; without the rounding of elu to multiples of 2^-24.
struct FeatureMap : torch::autograd::Function<FeatureMap> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x,
                            const std::optional<at::Tensor>& hidden) {
    const at::Tensor wide = x.to(at::kFloat);
    at::Tensor y = wide.clamp_max(0).exp_().add_(wide.clamp_min(0));
    if (hidden) y.masked_fill_(*hidden, 0);
    context->save_for_backward({y});
    context->saved_data["dtype"] = x.scalar_type();
    return y;
  }

  // The derivative is 1 above 0 and exp(x) below: min(y, 1).
  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const at::Tensor y = context->get_saved_variables()[0];
    const at::Tensor dx = y.clamp_max(1).mul_(gradients[0]);
    return {dx.to(context->saved_data["dtype"].toScalarType()), at::Tensor()};
  }
};

at::Tensor feature_map(const at::Tensor& x, const std::optional<at::Tensor>& hidden) {
  return FeatureMap::apply(x, hidden);
}

}  // namespace

at::Tensor linear_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            int64_t heads, const at::Tensor& valid) {
  std::optional<at::Tensor> hidden;  // [B, T, 1]
  at::Tensor values = v.to(at::kFloat);
  if (valid.defined()) {
    hidden = valid.flatten(1).logical_not().unsqueeze(2);
    values = values.masked_fill(*hidden, 0);
  }
  const at::Tensor queries = by_heads(feature_map(q, hidden), heads);
  const at::Tensor keys = by_heads(feature_map(k, hidden), heads);
  const at::Tensor sums = keys.transpose(2, 3).matmul(by_heads(values, heads));  // [B, heads, d, d]
  const at::Tensor weights = queries.matmul(keys.sum(2).unsqueeze(3));           // [B, heads, T, 1]
  const at::Tensor y = queries.matmul(sums) / (weights + kTiny);
  return y.transpose(1, 2).flatten(2).to(q.scalar_type());
}

}  // namespace concertina
