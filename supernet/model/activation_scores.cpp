#include "supernet/model/activation_scores.h"

#include <ATen/core/grad_mode.h>

#include "core/errors.h"
#include "supernet/nn/encoder_layer.h"
#include "supernet/nn/ops.h"

namespace concertina {
namespace {

// Of activations x [B, T, C] and the weight [out, C, ...] that multiplies them: [C].
at::Tensor output_score(const at::Tensor& x, const at::Tensor& reader) {
  return x.abs().mean(at::IntArrayRef{0, 1}) * reader.transpose(0, 1).flatten(1).norm(2, 1);
}

class ActivationScorer {
 public:
  explicit ActivationScorer(const Supernet& model)
      : subnet_(model.slice(model.space().whole())), weights_(subnet_.weights) {}

  void score(const SpeechBatch& batch) {
    const WantedOutputs wants = {
        .observe = [&](const LayerWeights& layer, const LayerActivations& inside,
                       AttentionContext& context) { score_layer(layer, inside, context); }};
    encode_from(subnet_, encoder_input(subnet_, batch, score_front_end(batch)), wants);
  }

  const std::map<UnitGroup, at::Tensor>& sums() const { return sums_; }

 private:
  void add(UnitKind kind, int64_t index, const at::Tensor& scores) {
    at::Tensor& sum = sums_[{kind, static_cast<int32_t>(index)}];
    sum = sum.defined() ? sum + scores : scores;
  }

  // Returns the features.
  Features score_front_end(const SpeechBatch& batch) {
    std::vector<at::Tensor> outputs;
    Features features = front_end(subnet_.blueprint, weights_, batch.waveform, batch.lengths,
                                  batch.padding, &outputs);
    for (size_t i = 0; i < outputs.size(); ++i) {
      const bool last = i + 1 == outputs.size();
      const at::Tensor& reader =
          last ? weights_.projection.weight : weights_.convs[i + 1].affine.weight;
      const at::Tensor& x = last ? features.x : outputs[i];
      add(UnitKind::kConv, static_cast<int64_t>(i),
          reader.defined() ? output_score(x, reader) : x.abs().mean(at::IntArrayRef{0, 1}));
    }
    return features;
  }

  void score_layer(const LayerWeights& layer, const LayerActivations& inside,
                   AttentionContext& context) {
    if (layer.shape.heads > 0) {
      for (const Affine& reader : {layer.q, layer.k, layer.v}) {
        if (!reader.weight.defined()) continue;
        add(UnitKind::kEmbed, 0, output_score(inside.attention_input, reader.weight));
      }
      if (!is_tied(subnet_.blueprint, UnitKind::kHeads)) score_heads(layer, inside, context);
    }
    if (layer.shape.ffn_dim > 0) {
      add(UnitKind::kEmbed, 0, output_score(inside.ffn_input, layer.fc1.weight));
      const at::Tensor hidden = at::gelu(linear(inside.ffn_input, layer.fc1));
      add(UnitKind::kFfn, layer.shape.index, output_score(hidden, layer.fc2.weight));
    }
  }

  // Ablates one head at a time.
  void score_heads(const LayerWeights& layer, const LayerActivations& inside,
                   AttentionContext& context) {
    const int64_t width = subnet_.blueprint.head_dim;
    const at::Tensor distances = at::empty({layer.shape.heads});
    for (int64_t head = 0; head < layer.shape.heads; ++head) {
      LayerWeights ablated = layer;
      ablated.shape.ffn_dim = 0;
      ablated.out.weight = layer.out.weight.clone();
      ablated.out.weight.narrow(1, head * width, width).zero_();
      const at::Tensor without = encoder_layer(subnet_.blueprint, ablated, inside.input, context);
      distances.select(0, head).copy_((inside.attention_output - without).norm(2, -1).mean());
    }
    add(UnitKind::kHeads, layer.shape.index, distances);
  }

  Subnet subnet_;
  const EncoderWeights& weights_;
  std::map<UnitGroup, at::Tensor> sums_;
};

}  // namespace

UnitScores activation_scores(const Supernet& model, std::span<const SpeechBatch> batches) {
  CONCERTINA_ASSERT(!batches.empty());
  at::NoGradGuard no_grad;
  ActivationScorer scorer(model);
  for (const SpeechBatch& batch : batches) scorer.score(batch);
  UnitScores scores = magnitude_scores(model);
  for (const auto& [group, sum] : scorer.sums()) {
    if (!scores.contains(group)) continue;  // tied units are not permuted
    const at::Tensor values = sum.to(at::kDouble).contiguous();
    scores.at(group).assign(values.const_data_ptr<double>(),
                            values.const_data_ptr<double>() + values.numel());
  }
  return scores;
}

}  // namespace concertina
