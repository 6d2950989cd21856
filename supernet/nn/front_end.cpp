#include "supernet/nn/front_end.h"

#include <ATen/core/grad_mode.h>

#include <utility>

#include "core/errors.h"
#include "supernet/nn/mel.h"
#include "supernet/nn/norm_gelu.h"
#include "supernet/nn/ops.h"
#include "supernet/nn/whisper.h"
#include "supernet/space/frames.h"

namespace concertina {
namespace {

template <class Function>
at::Tensor each_length(const at::Tensor& lengths, const Function& function) {
  at::Tensor result = at::empty_like(lengths);
  for (int64_t b = 0; b < lengths.size(0); ++b) {
    result.data_ptr<int64_t>()[b] = function(lengths.const_data_ptr<int64_t>()[b]);
  }
  return result;
}

at::Tensor frame_lengths(const Blueprint& blueprint, const at::Tensor& lengths) {
  return each_length(lengths, [&](int64_t samples) { return blueprint.frames(samples); });
}

at::Tensor conv_lengths(const at::Tensor& lengths, const ConvLayer& conv) {
  return each_length(
      lengths, [&](int64_t length) { return conv_outputs(length, conv.kernel, conv.stride); });
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
                     const at::Tensor& lengths, Recompute* recompute = nullptr) {
  if (!norm.weight.defined()) return fast_gelu(std::move(x), recompute);
  if (kind == ExtractorNorm::kLayer) return layer_norm_gelu(std::move(x), norm, recompute);
  return channel_norm_gelu(std::move(x), norm, lengths, recompute);
}

// Convolutions with their norm and activation, one part of the stack after the other. Activations
// are recomputed for the backward pass, and so is the first convolution, whose output is the
// largest of the stack and cheap to compute from one channel.
class ConvStack {
 public:
  ConvStack(const WaveFrontEnd& wave, const std::vector<ConvWeights>& convs, at::Tensor lengths,
            std::vector<at::Tensor>* outputs)
      : wave_(wave), convs_(convs), lengths_(std::move(lengths)), outputs_(outputs) {}

  at::Tensor run(size_t begin, size_t end, at::Tensor x) {
    for (size_t i = begin; i < end; ++i) x = layer(i, x);
    return x;
  }

  // [B, L, C] -> [R, U * hop, C].
  at::Tensor take_blocks(const at::Tensor& x, int64_t hop, const VisibleFrames& visible) {
    return taken(x, [hop, visible](const at::Tensor& all) {
      return all.reshape({-1, hop * all.size(2)})
          .index_select(0, visible.blocks)
          .view({visible.rows, -1, all.size(2)});
    });
  }
  // [R, L, C] -> [R, P, C].
  at::Tensor take_picks(const at::Tensor& x, const VisibleFrames& visible) {
    return taken(x, [visible](const at::Tensor& all) {
      return all.flatten(0, 1).index_select(0, visible.picks).view({visible.rows, -1, all.size(2)});
    });
  }

 private:
  template <class Take>
  at::Tensor taken(const at::Tensor& x, const Take& take) {
    if (recompute_) {
      recompute_ = [take, recompute = std::move(recompute_)] { return take(recompute()); };
    }
    return take(x);
  }

  at::Tensor layer(size_t i, const at::Tensor& x) {
    const bool recomputes = at::GradMode::is_enabled() && outputs_ == nullptr;
    const Recompute convolve = [x, conv = convs_[i].affine, stride = wave_.layers[i].stride] {
      return conv_time(x, conv, stride, 0, 1);
    };
    const at::Tensor y = convolve();
    if (recomputes) recompute_for_backward(x, y, std::exchange(recompute_, {}));
    lengths_ = conv_lengths(lengths_, wave_.layers[i]);
    at::Tensor z = activated(wave_.norm, convs_[i].norm, y, lengths_, &recompute_);
    if (recomputes && i == 0) {
      recompute_for_backward(y, z, convolve);
      recompute_ = [convolve, kind = wave_.norm, norm = convs_[i].norm, lengths = lengths_] {
        return activated(kind, norm, convolve(), lengths);
      };
    }
    if (outputs_ != nullptr) outputs_->push_back(z);
    return z;
  }

  const WaveFrontEnd& wave_;
  const std::vector<ConvWeights>& convs_;
  at::Tensor lengths_;
  std::vector<at::Tensor>* outputs_;
  Recompute recompute_;  // of the latest activation
};

// Features [n, C] of the visible frames.
at::Tensor visible_convolutions(const WaveFrontEnd& wave, ConvStack& stack,
                                const at::Tensor& waveform, const VisibleFrames& visible) {
  const StackParts parts = parts_of(wave);
  const int64_t samples = conv_inputs(wave, parts.whole, visible.row_blocks * parts.hop);
  at::Tensor x = at::constant_pad_nd(waveform, {0, samples - waveform.size(1)}).unsqueeze(2);
  x = stack.take_blocks(stack.run(0, parts.whole, x), parts.hop, visible);
  x = stack.take_picks(stack.run(parts.whole, parts.overlapping, x), visible);
  x = stack.run(parts.overlapping, wave.layers.size(), x);
  return x.flatten(0, 1).narrow(0, 0, visible.frames.size(0));
}

at::Tensor wave_features(const WaveFrontEnd& wave, const EncoderWeights& weights,
                         const at::Tensor& waveform, const at::Tensor& lengths, int64_t frames,
                         const VisibleFrames* visible, std::vector<at::Tensor>* conv_outputs,
                         at::Tensor* mean_square) {
  ConvStack stack(wave, weights.convs, lengths, conv_outputs);
  at::Tensor x = visible != nullptr ? visible_convolutions(wave, stack, waveform, *visible)
                                    : stack.run(0, wave.layers.size(), waveform.unsqueeze(2));
  if (mean_square != nullptr) *mean_square = x.to(at::kFloat).square().mean();
  if (weights.feature_scale.defined()) x = x * weights.feature_scale.to(x.scalar_type());
  if (weights.feature_norm.weight.defined()) x = layer_norm(x, weights.feature_norm);
  if (visible == nullptr) return x;
  const int64_t rows = waveform.size(0);
  return at::zeros({rows * frames, x.size(1)}, x.options())
      .index_copy_(0, visible->frames, x)
      .view({rows, frames, x.size(1)});
}

at::Tensor mel_features(const Blueprint& blueprint, const EncoderWeights& weights,
                        const at::Tensor& waveform) {
  const LogMelFrontEnd& mel = blueprint.mel;
  at::Tensor x = log_mel(waveform, mel_options(blueprint));
  x = (x - weights.mel_mean) / weights.mel_std;
  const int64_t frames = x.size(1) / mel.stack;
  return x.narrow(1, 0, frames * mel.stack).reshape({x.size(0), frames, mel.stack * mel.bins});
}

// [B, T, 2 * bins]: the two mel frames of each base frame.
at::Tensor whisper_features(const Blueprint& blueprint, const at::Tensor& waveform,
                            const at::Tensor& lengths) {
  const int64_t bins = blueprint.whisper.bins;
  const at::Tensor mel = whisper_log_mel(waveform, lengths, bins, blueprint.sample_rate);
  const int64_t frames = blueprint.frames(waveform.size(1));
  return at::constant_pad_nd(mel, {0, 0, 0, frames * kWhisperStride - mel.size(1)})
      .reshape({mel.size(0), frames, kWhisperStride * bins});
}

at::Tensor compute_features(const Blueprint& blueprint, const EncoderWeights& weights,
                            const at::Tensor& waveform, const at::Tensor& lengths,
                            std::vector<at::Tensor>* conv_outputs, const VisibleFrames* visible,
                            at::Tensor* mean_square) {
  switch (blueprint.front_end) {
    case FrontEndKind::kWave:
      return wave_features(blueprint.wave, weights, waveform, lengths,
                           blueprint.frames(waveform.size(1)), visible, conv_outputs, mean_square);
    case FrontEndKind::kLogMel:
      return mel_features(blueprint, weights, waveform);
    case FrontEndKind::kWhisper:
      break;
  }
  return whisper_features(blueprint, waveform, lengths);
}

}  // namespace

Features front_end(const Blueprint& blueprint, const EncoderWeights& weights,
                   const at::Tensor& waveform, const at::Tensor& lengths, Padding padding,
                   std::vector<at::Tensor>* conv_outputs, const VisibleFrames* visible,
                   at::Tensor* mean_square) {
  CONCERTINA_ASSERT(visible == nullptr || (padding == Padding::kExact && conv_outputs == nullptr));
  const int64_t samples = waveform.size(1);
  const at::Tensor input = blueprint.normalize_waveform
                               ? normalize(waveform, lengths, blueprint.normalize_eps)
                               : waveform;
  const at::Tensor counted = padding == Padding::kExact ? lengths : at::full_like(lengths, samples);
  Features features;
  features.x =
      compute_features(blueprint, weights, input, counted, conv_outputs, visible, mean_square);
  features.lengths = padding == Padding::kOriginal
                         ? fairseq_frame_lengths(lengths, samples, features.x.size(1))
                         : frame_lengths(blueprint, lengths);
  return features;
}

}  // namespace concertina
