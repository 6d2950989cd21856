#include "supernet/model/forward.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/errors.h"
#include "supernet/nn/encoder_layer.h"
#include "supernet/nn/ops.h"
#include "supernet/nn/position_bias.h"
#include "supernet/nn/rate.h"
#include "supernet/nn/recomputed_layer.h"
#include "supernet/nn/whisper.h"
#include "supernet/space/frames.h"

namespace concertina {
namespace {

at::Tensor zero_invalid(const at::Tensor& x, const at::Tensor& valid) {
  return valid.defined() ? x * valid.unsqueeze(2) : x;
}

// The lengths after the rate unit.
at::Tensor compressed_lengths(const Subnet& subnet, const at::Tensor& base_lengths) {
  at::Tensor lengths = at::empty_like(base_lengths);
  for (int64_t b = 0; b < lengths.size(0); ++b) {
    lengths.data_ptr<int64_t>()[b] =
        compressed_frames(subnet.blueprint, base_lengths.const_data_ptr<int64_t>()[b],
                          subnet.architecture.frame_period_us());
  }
  return lengths;
}

// Compresses features to the architecture's frame period; the mask follows by majority of weight.
void compress(const Subnet& subnet, Frames& frames, at::Tensor& mask) {
  const at::Tensor valid = valid_mask(frames.base_lengths, frames.x.size(1), frames.x.device());
  const Compression compression = cif(cif_alpha(frames.x, valid, *subnet.weights.rate),
                                      compressed_lengths(subnet, frames.base_lengths));
  frames.x = compression.forward.matmul(frames.x.to(at::kFloat));
  frames.lengths = compression.lengths;
  frames.back_map = compression.back;
  if (mask.defined())
    mask = compression.forward.matmul(mask.to(at::kFloat).unsqueeze(2)).squeeze(2) > 0.5;
}

void check_long_enough(const Blueprint& blueprint, const at::Tensor& lengths) {
  const int64_t shortest = lengths.min().item<int64_t>();
  if (blueprint.frames(shortest) >= 1) return;
  throw InputError(fmt::format(
      "a clip of {} samples is too short: the model needs at least one frame of {} samples",
      shortest, blueprint.base_frame_samples()));
}

void check_short_enough(const Blueprint& blueprint, int64_t frames) {
  const int64_t most = blueprint.position_embeddings;
  if (most == 0 || frames <= most) return;
  const double period_s = blueprint.base_frame_period_us() * 1e-6;
  throw InputError(fmt::format(
      "a clip of {:.1f} s is too long: the model has {} positions, which is {:g} s; crop it, or "
      "encode it in windows (encode --window)",
      static_cast<double>(frames) * period_s, most, static_cast<double>(most) * period_s));
}

// Features as wide as the embedding.
at::Tensor embedded(const EncoderWeights& weights, const SpeechBatch& batch, const at::Tensor& x) {
  if (weights.stem) {
    const at::Tensor mel = x.reshape({x.size(0), x.size(1) * kWhisperStride, -1});
    const at::Tensor counted = batch.padding == Padding::kExact
                                   ? batch.lengths
                                   : at::full_like(batch.lengths, batch.waveform.size(1));
    return whisper_stem(*weights.stem, mel, whisper_mel_lengths(counted));
  }
  return weights.projection.weight.defined() ? linear(x, weights.projection) : x;
}

// Joins whole frames of the encoder's input.
void join(const Subnet& subnet, int64_t joined, Frames& frames) {
  const int64_t base = frames.x.size(1);
  frames.lengths = compressed_lengths(subnet, frames.base_lengths);
  frames.back_map = joined_back_map(base, joined, frames.lengths, frames.x.device());
  frames.x = join_frames(zero_invalid(frames.x, frames.valid), joined, subnet.weights.join);
  frames.valid = valid_mask(frames.lengths, frames.x.size(1), frames.x.device());
}

// Where every frame is needed, a plan's short rows are still worth it for oneDNN's fp32 gradients:
// 1.5 times as fast a step.
std::optional<VisibleFrames> plan_of(const Subnet& subnet, const SpeechBatch& batch,
                                     bool every_frame) {
  if (!batch.visible || !every_frame) return batch.visible;
  const at::Tensor& kernel = subnet.weights.convs.front().affine.weight;
  if (!kernel.is_cpu() || kernel.scalar_type() != at::kFloat) return std::nullopt;
  return visible_frames(subnet.blueprint, batch, /*every_frame=*/true);
}

// What the layers' attentions share, before the first of them.
AttentionContext attention_context(const Subnet& subnet, const Frames& frames,
                                   const Dropout& dropout) {
  AttentionContext context{.mask = frames.attention_mask, .dropout = dropout};
  if (subnet.weights.position_table.defined()) {
    context.position_bias = position_bias(subnet.blueprint.relative_position,
                                          subnet.weights.position_table, frames.x.size(1));
  }
  return context;
}

// Layers with attention weights that another layer uses cannot be recomputed alone.
bool can_be_recomputed(const LayerWeights& layer) {
  const LayerShape& shape = layer.shape;
  if (shape.heads == 0) return shape.ffn_dim > 0;
  return !layer.map_is_reused && layer.q.weight.defined();
}

bool wanted(const std::vector<int32_t>& list, int32_t layer) {
  return std::find(list.begin(), list.end(), layer) != list.end();
}

}  // namespace

bool needs_every_frame(const Blueprint& blueprint, const Architecture& architecture) {
  return blueprint.rate == RateKind::kCif && has_rate_unit(blueprint, architecture);
}

Features features_of(const Subnet& subnet, const SpeechBatch& batch, bool every_frame,
                     at::Tensor* mean_square) {
  check_long_enough(subnet.blueprint, batch.lengths);
  const std::optional<VisibleFrames> plan = plan_of(subnet, batch, every_frame);
  return front_end(subnet.blueprint, subnet.weights, batch.waveform, batch.lengths, batch.padding,
                   nullptr, plan ? &*plan : nullptr, mean_square);
}

bool is_of_front_end(std::string_view tensor) {
  const std::optional<TensorId> id = tensor_named(tensor);
  return id && is_of_front_end(id->module());
}

Frames encoder_input(const Subnet& subnet, const SpeechBatch& batch, const WantedOutputs& wants) {
  const bool every_frame = needs_every_frame(subnet.blueprint, subnet.architecture);
  return encoder_input(subnet, batch, features_of(subnet, batch, every_frame), wants);
}

Frames encoder_input(const Subnet& subnet, const SpeechBatch& batch, const Features& features,
                     const WantedOutputs& wants, const TrainingPass& pass) {
  const Dropout& dropout = pass.dropout;
  const Blueprint& blueprint = subnet.blueprint;
  const EncoderWeights& weights = subnet.weights;
  Frames frames;
  frames.x = features.x;
  frames.lengths = frames.base_lengths = features.lengths;
  at::Tensor mask =
      batch.mask.defined() ? batch.mask.narrow(1, 0, features.x.size(1)) : at::Tensor();
  if (weights.rate) compress(subnet, frames, mask);
  check_short_enough(blueprint, frames.x.size(1));

  at::Tensor x = dropout.apply(embedded(weights, batch, frames.x), dropout.rates().input,
                               DropoutPlace::kInput);
  if (mask.defined()) x = at::where(mask.unsqueeze(2), weights.mask_emb.to(x.scalar_type()), x);
  frames.valid = valid_mask(frames.lengths, x.size(1), x.device());
  x = zero_invalid(x, frames.valid);
  if (wants.projected) frames.projected = x;
  if (weights.positions.defined())
    x = x + weights.positions.narrow(0, 0, x.size(1)).to(x.scalar_type());
  if (weights.positional.weight.defined())
    x = positional_conv(blueprint.positional, weights.positional, x);
  frames.x =
      blueprint.norm_position == NormPosition::kPost ? layer_norm(x, weights.encoder_norm) : x;
  frames.x = dropout.apply(frames.x, dropout.rates().hidden, DropoutPlace::kEncoderInput);
  if (const int64_t joined = joined_frames(blueprint, subnet.architecture); joined > 1)
    join(subnet, joined, frames);
  if (frames.valid.defined()) frames.attention_mask = frames.valid.unsqueeze(1).unsqueeze(1);
  return frames;
}

EncoderOutput encode_from(const Subnet& subnet, Frames frames, const WantedOutputs& wants,
                          const TrainingPass& pass) {
  const auto& layers = subnet.weights.layers;
  const int32_t depth = static_cast<int32_t>(layers.size());
  const int32_t last = wants.last_layer < 0 ? depth : std::min(wants.last_layer, depth);
  EncoderOutput output;
  output.hidden.resize(static_cast<size_t>(depth) + 1);
  for (auto* list : {&output.ffn_results, &output.queries, &output.keys, &output.values}) {
    list->resize(static_cast<size_t>(depth) + 1);
  }
  const auto keep = [&](int32_t layer, const at::Tensor& x) {
    if (wants.all_hidden || wanted(wants.hidden, layer))
      output.hidden[static_cast<size_t>(layer)] = x;
  };
  AttentionContext context = attention_context(subnet, frames, pass.dropout);
  for (int32_t i = 0; i < last; ++i) {
    keep(i, frames.x);
    const auto index = static_cast<size_t>(i) + 1;
    const bool keeps_ffn = wanted(wants.ffn_results, i + 1);
    const bool keeps_query = wanted(wants.queries, i + 1), keeps_key = wanted(wants.keys, i + 1),
               keeps_value = wanted(wants.values, i + 1);
    const LayerWeights& layer = layers[static_cast<size_t>(i)];
    LayerActivations inside;
    inside.keep_projections = keeps_query || keeps_key || keeps_value;
    const bool watched = keeps_ffn || inside.keep_projections || wants.observe;
    if (!watched && !layer.map_is_reused && pass.dropout.skips(layer.shape.index)) continue;
    if (pass.recompute_layers && !watched && can_be_recomputed(layer)) {
      frames.x = recomputed_encoder_layer(subnet.blueprint, layer, frames.x, context);
      continue;
    }
    frames.x =
        encoder_layer(subnet.blueprint, layer, frames.x, context, watched ? &inside : nullptr);
    if (wants.observe) wants.observe(layer, inside, context);
    if (keeps_ffn) output.ffn_results[index] = std::move(inside.ffn_output);
    if (keeps_query) output.queries[index] = std::move(inside.query);
    if (keeps_key) output.keys[index] = std::move(inside.key);
    if (keeps_value) output.values[index] = std::move(inside.value);
  }
  if (subnet.blueprint.norm_position == NormPosition::kPre && last == depth) {
    frames.x = layer_norm(frames.x, subnet.weights.encoder_norm);
  }
  keep(last, frames.x);
  output.frames = std::move(frames);
  return output;
}

EncoderOutput encode(const Subnet& subnet, const SpeechBatch& batch, const WantedOutputs& wants) {
  return encode_from(subnet, encoder_input(subnet, batch, wants), wants);
}

at::Tensor to_base_frames(const Frames& frames, const at::Tensor& hidden) {
  if (!frames.back_map.defined()) return hidden;
  return checked_matmul(frames.back_map.to(hidden.scalar_type()), hidden, 0, hidden.size(2));
}

at::Tensor valid_frames(const Blueprint& blueprint, const SpeechBatch& batch) {
  const at::Tensor lengths = at::empty_like(batch.lengths);
  for (int64_t b = 0; b < lengths.size(0); ++b) {
    lengths.data_ptr<int64_t>()[b] = blueprint.frames(batch.lengths.const_data_ptr<int64_t>()[b]);
  }
  const at::Device device = batch.waveform.device();
  const at::Tensor frames = at::arange(blueprint.frames(batch.waveform.size(1)),
                                       at::TensorOptions(device).dtype(at::kLong));
  return frames.unsqueeze(0) < to_device(lengths, device).unsqueeze(1);
}

at::Tensor base_valid(const Frames& frames) {
  const int64_t longest = frames.back_map.defined() ? frames.back_map.size(1) : frames.x.size(1);
  const at::Tensor valid = at::arange(longest, frames.x.options().dtype(at::kLong)).unsqueeze(0) <
                           to_device(frames.base_lengths, frames.x.device()).unsqueeze(1);
  if (!frames.loss_mask.defined()) return valid;
  return valid.logical_and(frames.loss_mask.narrow(1, 0, longest));
}

}  // namespace concertina
