#include "supernet/model/activation_scores.h"

#include <ATen/core/grad_mode.h>

#include "core/errors.h"
#include "supernet/nn/encoder_layer.h"
#include "supernet/nn/ops.h"

namespace concertina {
namespace {

// x [B, T, C], reader [out, C, ...] -> [C].
at::Tensor handed_on(const at::Tensor& x, const at::Tensor& reader) {
  return x.abs().mean(at::IntArrayRef{0, 1}) * reader.transpose(0, 1).flatten(1).norm(2, 1);
}

class Observer {
 public:
  explicit Observer(const Supernet& model)
      : subnet_(model.slice(model.space().whole())), weights_(subnet_.weights) {}

  void see(const SpeechBatch& batch) {
    const Wants wants = {.all_hidden = true};
    const EncoderOutput output =
        encode_from(subnet_, begin(subnet_, batch, see_front_end(batch), wants), wants);
    AttentionContext context = attention_context(subnet_, output.frames);
    for (size_t i = 0; i < weights_.layers.size(); ++i) {
      see_layer(weights_.layers[i], output.hidden[i], context);
    }
  }

  const std::map<UnitGroup, at::Tensor>& sums() const { return sums_; }

 private:
  void add(UnitKind kind, int64_t index, const at::Tensor& scores) {
    at::Tensor& sum = sums_[{kind, static_cast<int32_t>(index)}];
    sum = sum.defined() ? sum + scores : scores;
  }

  // Returns the features.
  Features see_front_end(const SpeechBatch& batch) {
    std::vector<at::Tensor> outputs;
    Features features = front_end(subnet_.blueprint, weights_, batch.waveform, batch.lengths,
                                  batch.padding, &outputs);
    for (size_t i = 0; i < outputs.size(); ++i) {
      const bool last = i + 1 == outputs.size();
      const at::Tensor& reader = last ? weights_.projection.weight : weights_.convs[i + 1].weight;
      const at::Tensor& x = last ? features.x : outputs[i];
      add(UnitKind::kConv, static_cast<int64_t>(i),
          reader.defined() ? handed_on(x, reader) : x.abs().mean(at::IntArrayRef{0, 1}));
    }
    return features;
  }

  void see_layer(const LayerWeights& layer, const at::Tensor& x, AttentionContext& context) {
    const bool post = subnet_.blueprint.norm_position == NormPosition::kPost;
    at::Tensor h = x;
    if (layer.shape.heads > 0) {
      const at::Tensor input = post ? x : layer_norm(x, layer.attention_norm);
      for (const Affine& reader : {layer.q, layer.k, layer.v}) {
        if (reader.weight.defined()) add(UnitKind::kEmbed, 0, handed_on(input, reader.weight));
      }
      h = see_heads(layer, x, context);
    }
    if (layer.shape.ffn_dim > 0) {
      const at::Tensor input = post ? h : layer_norm(h, layer.final_norm);
      add(UnitKind::kEmbed, 0, handed_on(input, layer.fc1.weight));
      const at::Tensor hidden = at::gelu(linear(input, layer.fc1));
      add(UnitKind::kFfn, layer.shape.index, handed_on(hidden, layer.fc2.weight));
    }
  }

  // Returns the attention half's output.
  at::Tensor see_heads(const LayerWeights& layer, const at::Tensor& x, AttentionContext& context) {
    LayerWeights half = layer;
    half.shape.ffn_dim = 0;
    const at::Tensor h = encoder_layer(subnet_.blueprint, half, x, context);
    if (is_tied(subnet_.blueprint, UnitKind::kHeads)) return h;
    const int64_t width = subnet_.blueprint.head_dim;
    const at::Tensor moved = at::empty({layer.shape.heads});
    for (int64_t head = 0; head < layer.shape.heads; ++head) {
      LayerWeights silent = half;
      silent.out.weight = half.out.weight.clone();
      silent.out.weight.narrow(1, head * width, width).zero_();
      const at::Tensor without = encoder_layer(subnet_.blueprint, silent, x, context);
      moved.select(0, head).copy_((h - without).norm(2, -1).mean());
    }
    add(UnitKind::kHeads, layer.shape.index, moved);
    return h;
  }

  Subnet subnet_;
  const EncoderWeights& weights_;
  std::map<UnitGroup, at::Tensor> sums_;
};

}  // namespace

UnitScores activation_scores(const Supernet& model, std::span<const SpeechBatch> batches) {
  CONCERTINA_ASSERT(!batches.empty());
  at::NoGradGuard no_grad;
  Observer observer(model);
  for (const SpeechBatch& batch : batches) observer.see(batch);
  UnitScores scores = magnitude_scores(model);
  for (const auto& [group, sum] : observer.sums()) {
    if (!scores.contains(group)) continue;  // left where it is
    const at::Tensor values = sum.to(at::kDouble).contiguous();
    scores.at(group).assign(values.const_data_ptr<double>(),
                            values.const_data_ptr<double>() + values.numel());
  }
  return scores;
}

}  // namespace concertina
