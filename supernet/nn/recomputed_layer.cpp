#include "supernet/nn/recomputed_layer.h"

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <utility>

#include "core/errors.h"

namespace concertina {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

template <class Visit>
void for_each_tensor(LayerWeights& layer, const Visit& visit) {
  for (Affine* part : {&layer.q, &layer.k, &layer.v, &layer.out, &layer.attention_norm, &layer.gate,
                       &layer.fc1, &layer.fc2, &layer.final_norm}) {
    if (part->weight.defined()) visit(part->weight);
    if (part->bias.defined()) visit(part->bias);
  }
  if (layer.gate_scale.defined()) visit(layer.gate_scale);
}

// A call of encoder_layer(); its tensors that may need gradients are replaced by `inputs`.
struct Call : torch::CustomClassHolder {
  Call(const Blueprint& of, const LayerWeights& weights, const AttentionContext& shared)
      : blueprint(of), layer(weights), context(shared) {}

  // The layer's input, position bias and weights.
  tensor_list inputs(const at::Tensor& x) {
    tensor_list list = {x};
    if (context.position_bias.defined()) list.push_back(context.position_bias);
    for_each_tensor(layer, [&](const at::Tensor& tensor) { list.push_back(tensor); });
    return list;
  }
  at::Tensor run(at::TensorList list) const {
    LayerWeights weights = layer;
    AttentionContext own = context;
    size_t next = 1;
    if (own.position_bias.defined()) own.position_bias = list[next++];
    for_each_tensor(weights, [&](at::Tensor& tensor) { tensor = list[next++]; });
    return encoder_layer(blueprint, weights, list[0], own);
  }

  Blueprint blueprint;
  LayerWeights layer;
  AttentionContext context;
};

struct RecomputedLayer : torch::autograd::Function<RecomputedLayer> {
  static at::Tensor forward(AutogradContext* context, const c10::intrusive_ptr<Call>& call,
                            at::TensorList inputs) {
    context->save_for_backward(inputs.vec());
    context->saved_data["call"] = c10::IValue::make_capsule(call);
    return call->run(inputs);
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const auto holder = context->saved_data["call"].toCapsule();
    tensor_list inputs;
    for (const at::Tensor& saved : context->get_saved_variables()) {
      inputs.push_back(saved.detach().requires_grad_(saved.requires_grad()));
    }
    const at::AutoGradMode with_gradients(true);
    const at::Tensor y = static_cast<const Call&>(*holder).run(inputs);
    y.backward(gradients[0]);
    tensor_list result = {at::Tensor()};  // of the call
    for (const at::Tensor& input : inputs) result.push_back(input.grad());
    return result;
  }
};

}  // namespace

at::Tensor recomputed_encoder_layer(const Blueprint& blueprint, const LayerWeights& layer,
                                    const at::Tensor& x, const AttentionContext& context) {
  CONCERTINA_ASSERT(!layer.map_is_reused && (layer.shape.heads == 0 || layer.q.weight.defined()));
  const auto call = c10::make_intrusive<Call>(blueprint, layer, context);
  const tensor_list inputs = call->inputs(x);
  return RecomputedLayer::apply(call, at::TensorList(inputs));
}

}  // namespace concertina
