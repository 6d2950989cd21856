#include "supernet/nn/front_end.h"

#include <ATen/core/grad_mode.h>

#include <utility>

#include "supernet/nn/mel.h"
#include "supernet/nn/norm_gelu.h"
#include "supernet/nn/ops.h"

namespace concertina {
namespace {

at::Tensor frame_lengths(const Blueprint& blueprint, const at::Tensor& lengths) {
  at::Tensor frames = at::empty_like(lengths);
  for (int64_t b = 0; b < lengths.size(0); ++b) {
    frames.data_ptr<int64_t>()[b] = blueprint.frames(lengths.const_data_ptr<int64_t>()[b]);
  }
  return frames;
}

at::Tensor fairseq_frame_lengths(const at::Tensor& lengths, int64_t samples, int64_t frames) {
  const int64_t part = samples / frames;
  return (lengths + (part - 1)).div(part, "floor").clamp_max(frames);
}

// Mean and variance over the valid part of dim 1; `x` is zero elsewhere. Variance is the
// population's.
std::pair<at::Tensor, at::Tensor> valid_moments(const at::Tensor& x, const at::Tensor& valid) {
  if (!valid.defined()) return {x.mean(1, true), x.var(1, /*unbiased=*/false, /*keepdim=*/true)};
  at::Tensor weight = valid.to(x.scalar_type());
  for (int64_t d = weight.dim(); d < x.dim(); ++d) weight = weight.unsqueeze(-1);
  at::Tensor count = weight.sum(1, true);
  at::Tensor mean = (x * weight).sum(1, true) / count;
  return {mean, ((x - mean).square() * weight).sum(1, true) / count};
}

at::Tensor normalize(const at::Tensor& waveform, const at::Tensor& lengths, double eps) {
  at::Tensor valid = valid_mask(lengths, waveform.size(1), waveform.device());
  auto [mean, variance] = valid_moments(waveform, valid);
  at::Tensor result = (waveform - mean) * (variance + eps).rsqrt();
  return valid.defined() ? result * valid : result;
}

at::Tensor activated(ExtractorNorm kind, const Affine& norm, at::Tensor x,
                     const at::Tensor& lengths, Again* again = nullptr) {
  if (!norm.weight.defined()) return fast_gelu(std::move(x), again);
  if (kind == ExtractorNorm::kLayer) return layer_norm_gelu(std::move(x), norm, again);
  return channel_norm_gelu(std::move(x), norm, lengths, again);
}

// For the backward pass, activations are computed again, and so is the first convolution: it takes
// one channel to the longest of all results.
at::Tensor conv_stack(const WaveFrontEnd& wave, const std::vector<ConvWeights>& convs,
                      const at::Tensor& waveform, at::Tensor lengths,
                      std::vector<at::Tensor>* outputs) {
  const bool frugal = at::GradMode::is_enabled() && outputs == nullptr;
  at::Tensor x = waveform.unsqueeze(2);
  Again again;  // of x
  for (size_t i = 0; i < convs.size(); ++i) {
    const Again convolve = [x, conv = Affine{convs[i].weight, convs[i].bias},
                            stride = wave.layers[i].stride] {
      return conv_time(x, conv, stride, 0, 1);
    };
    const at::Tensor y = convolve();
    if (frugal) recompute_for_backward(x, y, std::exchange(again, {}));
    lengths = (lengths - wave.layers[i].kernel).div(wave.layers[i].stride, "floor") + 1;
    x = activated(wave.norm, convs[i].norm, y, lengths, &again);
    if (frugal && i == 0) {
      recompute_for_backward(y, x, convolve);
      again = [convolve, kind = wave.norm, norm = convs[i].norm, lengths] {
        return activated(kind, norm, convolve(), lengths);
      };
    }
    if (outputs != nullptr) outputs->push_back(x);
  }
  return x;
}

at::Tensor wave_features(const WaveFrontEnd& wave, const EncoderWeights& weights,
                         const at::Tensor& waveform, const at::Tensor& lengths,
                         std::vector<at::Tensor>* conv_outputs) {
  at::Tensor x = conv_stack(wave, weights.convs, waveform, lengths, conv_outputs);
  if (weights.feature_scale.defined()) x = x * weights.feature_scale.to(x.scalar_type());
  return weights.feature_norm.weight.defined() ? layer_norm(x, weights.feature_norm) : x;
}

at::Tensor mel_features(const LogMelFrontEnd& mel, int32_t sample_rate,
                        const EncoderWeights& weights, const at::Tensor& waveform) {
  MelOptions options;
  options.sample_rate = sample_rate;
  options.bins = mel.bins;
  options.window = mel.window;
  options.hop = mel.hop;
  at::Tensor x = (log_mel(waveform, options) - weights.mel_mean) / weights.mel_std;
  const int64_t frames = x.size(1) / mel.stack;
  return x.narrow(1, 0, frames * mel.stack).reshape({x.size(0), frames, mel.stack * mel.bins});
}

}  // namespace

Features front_end(const Blueprint& blueprint, const EncoderWeights& weights,
                   const at::Tensor& waveform, const at::Tensor& lengths, Padding padding,
                   std::vector<at::Tensor>* conv_outputs) {
  const int64_t samples = waveform.size(1);
  const at::Tensor input = blueprint.normalize_waveform
                               ? normalize(waveform, lengths, blueprint.normalize_eps)
                               : waveform;
  const at::Tensor counted = padding == Padding::kExact ? lengths : at::full_like(lengths, samples);
  Features features;
  features.x = blueprint.front_end == FrontEndKind::kWave
                   ? wave_features(blueprint.wave, weights, input, counted, conv_outputs)
                   : mel_features(blueprint.mel, blueprint.sample_rate, weights, input);
  features.lengths = padding == Padding::kOriginal
                         ? fairseq_frame_lengths(lengths, samples, features.x.size(1))
                         : frame_lengths(blueprint, lengths);
  return features;
}

}  // namespace concertina
