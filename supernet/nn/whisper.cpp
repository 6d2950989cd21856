#include "supernet/nn/whisper.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "supernet/nn/norm_gelu.h"
#include "supernet/nn/ops.h"
#include "supernet/space/blueprint.h"
#include "supernet/space/frames.h"

namespace concertina {
namespace {

// Slaney's mel scale.
constexpr double kLinearHz = 1000, kHzPerMel = 200.0 / 3, kLinearMels = kLinearHz / kHzPerMel;
const double kLogStep = std::log(6.4) / 27;

double hz_to_slaney_mel(double hz) {
  return hz < kLinearHz ? hz / kHzPerMel : kLinearMels + std::log(hz / kLinearHz) / kLogStep;
}
double slaney_mel_to_hz(double mel) {
  return mel < kLinearMels ? mel * kHzPerMel : kLinearHz * std::exp((mel - kLinearMels) * kLogStep);
}

// [201, bins]
at::Tensor filters(int64_t bins, int32_t sample_rate) {
  const int64_t rows = kWhisperWindow / 2 + 1;
  std::vector<double> edges(static_cast<size_t>(bins) + 2);
  const double highest = hz_to_slaney_mel(sample_rate / 2.0);
  for (size_t i = 0; i < edges.size(); ++i) {
    edges[i] = slaney_mel_to_hz(highest * static_cast<double>(i) / static_cast<double>(bins + 1));
  }
  at::Tensor result = at::empty({rows, bins});
  auto value = result.accessor<float, 2>();
  for (int64_t row = 0; row < rows; ++row) {
    const double hz = static_cast<double>(row) * sample_rate / kWhisperWindow;
    for (int64_t bin = 0; bin < bins; ++bin) {
      const double* edge = edges.data() + bin;
      const double rise = (hz - edge[0]) / (edge[1] - edge[0]);
      const double fall = (edge[2] - hz) / (edge[2] - edge[1]);
      value[row][bin] =
          static_cast<float>(std::max(0.0, std::min(rise, fall)) * 2 / (edge[2] - edge[0]));
    }
  }
  return result;
}

// [B, N + 400]: each clip with 200 samples mirrored before its first and after its last.
at::Tensor mirrored(const at::Tensor& waveform, const at::Tensor& lengths) {
  constexpr int64_t kMargin = kWhisperWindow / 2;
  const int64_t samples = waveform.size(1);
  const at::Device device = waveform.device();
  const at::Tensor last = to_device(lengths, device).unsqueeze(1) - 1;
  const at::Tensor place =
      at::arange(-kMargin, samples + kMargin, at::TensorOptions(device).dtype(at::kLong))
          .abs()
          .unsqueeze(0);
  const at::Tensor index = at::where(place > last, 2 * last - place, place).clamp(0, samples - 1);
  return waveform.gather(1, index);
}

at::Tensor zero_from(const at::Tensor& x, const at::Tensor& lengths) {
  const at::Tensor valid = valid_mask(lengths, x.size(1), x.device());
  return valid.defined() ? x * valid.unsqueeze(2) : x;
}

}  // namespace

at::Tensor whisper_mel_lengths(const at::Tensor& lengths) {
  at::Tensor frames = at::empty_like(lengths);
  for (int64_t b = 0; b < lengths.size(0); ++b) {
    frames.data_ptr<int64_t>()[b] = whisper_mel_frames(lengths.const_data_ptr<int64_t>()[b]);
  }
  return frames;
}

at::Tensor whisper_log_mel(const at::Tensor& waveform, const at::Tensor& lengths, int64_t bins,
                           int32_t sample_rate) {
  const auto like = waveform.options().dtype(at::kFloat);
  const int64_t count = whisper_mel_frames(waveform.size(1));
  const at::Tensor frames = mirrored(waveform.to(at::kFloat), lengths)
                                .unfold(1, kWhisperWindow, kWhisperHop)
                                .narrow(1, 0, count);
  const at::Tensor spectrum = at::fft_rfft(frames * at::hann_window(kWhisperWindow, like));
  const at::Tensor power = at::real(spectrum).square() + at::imag(spectrum).square();
  const at::Tensor energy =
      power.matmul(to_device(filters(bins, sample_rate), waveform.device())).clamp_min(1e-10);
  at::Tensor x = energy.log10();
  const at::Tensor valid = valid_mask(whisper_mel_lengths(lengths), count, x.device());
  const at::Tensor counted =
      valid.defined() ? x.masked_fill(valid.logical_not().unsqueeze(2), -INFINITY) : x;
  x = (at::maximum(x, counted.amax(at::IntArrayRef{1, 2}, true) - 8.0) + 4.0) / 4.0;
  return valid.defined() ? x * valid.unsqueeze(2) : x;
}

at::Tensor whisper_stem(const StemWeights& stem, const at::Tensor& mel,
                        const at::Tensor& mel_lengths) {
  const at::Tensor inner = fast_gelu(conv_time(mel, stem.input, 1, 1, 1));
  return fast_gelu(conv_time(zero_from(inner, mel_lengths), stem.output, kWhisperStride, 1, 1));
}

at::Tensor sinusoids(int64_t rows, int64_t width) {
  const int64_t half = width / 2;
  const double step = -std::log(10000.0) / static_cast<double>(std::max<int64_t>(1, half - 1));
  const at::Tensor rate = (at::arange(half, at::kDouble) * step).exp();
  const at::Tensor angle = at::arange(rows, at::kDouble).unsqueeze(1) * rate;
  const at::Tensor table = at::cat({angle.sin(), angle.cos()}, 1);
  return at::constant_pad_nd(table, {0, width - 2 * half}).to(at::kFloat);
}

}  // namespace concertina
