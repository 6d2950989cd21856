#include "supernet/nn/mel.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "supernet/nn/ops.h"

namespace concertina {
namespace {

double hz_to_mel(double hz) { return 2595.0 * std::log10(1.0 + hz / 700.0); }
double mel_to_hz(double mel) { return 700.0 * (std::pow(10.0, mel / 2595.0) - 1.0); }

// [fft/2 + 1, bins]: triangles of unit height between neighbouring mel points.
at::Tensor mel_filters(const MelOptions& o) {
  const int64_t rows = o.fft / 2 + 1;
  at::Tensor filters = at::zeros({rows, o.bins});
  auto f = filters.accessor<float, 2>();
  std::vector<double> points(static_cast<size_t>(o.bins) + 2);
  const double low = hz_to_mel(o.low_hz), high = hz_to_mel(o.high_hz);
  for (size_t i = 0; i < points.size(); ++i) {
    points[i] = mel_to_hz(low + (high - low) * static_cast<double>(i) / (o.bins + 1));
  }
  for (int64_t row = 0; row < rows; ++row) {
    const double hz = static_cast<double>(row) * o.sample_rate / o.fft;
    for (int64_t bin = 0; bin < o.bins; ++bin) {
      const auto b = static_cast<size_t>(bin);
      const double rise = (hz - points[b]) / (points[b + 1] - points[b]);
      const double fall = (points[b + 2] - hz) / (points[b + 2] - points[b + 1]);
      f[row][bin] = static_cast<float>(std::max(0.0, std::min(rise, fall)));
    }
  }
  return filters;
}

at::Tensor dct_matrix(int64_t bins, int64_t count) {
  at::Tensor dct = at::empty({bins, count});
  auto d = dct.accessor<float, 2>();
  for (int64_t n = 0; n < bins; ++n) {
    for (int64_t k = 0; k < count; ++k) {
      const double scale = std::sqrt((k == 0 ? 1.0 : 2.0) / static_cast<double>(bins));
      d[n][k] =
          static_cast<float>(scale * std::cos(std::numbers::pi * (static_cast<double>(n) + 0.5) *
                                              static_cast<double>(k) / static_cast<double>(bins)));
    }
  }
  return dct;
}

}  // namespace

MelOptions mel_options(const Blueprint& blueprint) {
  return {.sample_rate = blueprint.sample_rate,
          .window = blueprint.mel.window,
          .hop = blueprint.mel.hop,
          .bins = blueprint.mel.bins};
}

at::Tensor log_mel(const at::Tensor& waveform, const MelOptions& o) {
  const int64_t samples = waveform.size(1);
  if (samples < o.window) return waveform.new_zeros({waveform.size(0), 0, o.bins});
  const auto like = waveform.options().dtype(at::kFloat);
  at::Tensor frames = waveform.unfold(1, o.window, o.hop) * at::hann_window(o.window, like);
  at::Tensor spectrum = at::fft_rfft(frames, o.fft);
  at::Tensor power = at::real(spectrum).square() + at::imag(spectrum).square();
  return power.matmul(to_device(mel_filters(o), waveform.device())).clamp_min(1e-10).log();
}

at::Tensor mfcc(const at::Tensor& waveform, int32_t count, MelOptions options) {
  return log_mel(waveform, options)
      .matmul(to_device(dct_matrix(options.bins, count), waveform.device()));
}

}  // namespace concertina
