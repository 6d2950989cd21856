#include "supernet/space/frames.h"

#include <algorithm>
#include <cmath>

namespace concertina {

int64_t conv_outputs(int64_t inputs, int64_t kernel, int64_t stride) {
  return inputs < kernel ? 0 : (inputs - kernel) / stride + 1;
}

int64_t conv_outputs(const WaveFrontEnd& wave, size_t layers, int64_t samples) {
  for (size_t i = 0; i < layers; ++i) {
    samples = conv_outputs(samples, wave.layers[i].kernel, wave.layers[i].stride);
  }
  return samples;
}

int64_t conv_inputs(const WaveFrontEnd& wave, size_t layers, int64_t outputs) {
  for (size_t i = layers; i-- > 0;) {
    outputs = (outputs - 1) * wave.layers[i].stride + wave.layers[i].kernel;
  }
  return outputs;
}

int64_t whisper_mel_frames(int64_t samples) {
  return samples > kWhisperWindow / 2 ? samples / kWhisperHop : 0;
}

int64_t whisper_frames(int64_t samples) {
  return (whisper_mel_frames(samples) + kWhisperStride - 1) / kWhisperStride;
}

int64_t samples_for_frames(const Blueprint& blueprint, int64_t frames) {
  if (frames <= 0) return 0;
  if (blueprint.front_end == FrontEndKind::kWave) {
    return conv_inputs(blueprint.wave, blueprint.wave.layers.size(), frames);
  }
  if (blueprint.front_end == FrontEndKind::kWhisper) return frames * blueprint.base_frame_samples();
  return (frames * blueprint.mel.stack - 1) * blueprint.mel.hop + blueprint.mel.window;
}

double first_centre(const Blueprint& blueprint) {
  if (blueprint.front_end == FrontEndKind::kWhisper) return 0;
  return static_cast<double>(samples_for_frames(blueprint, 1)) / 2;
}

int32_t frame_shift(const Blueprint& a, const Blueprint& b) {
  return static_cast<int32_t>(
      std::lround((first_centre(a) - first_centre(b)) / a.base_frame_samples()));
}

int64_t compressed_frames(const Blueprint& blueprint, int64_t base_frames,
                          int32_t frame_period_us) {
  if (base_frames <= 0) return 0;
  const int64_t base = blueprint.base_frame_period_us();
  if (frame_period_us == base) return base_frames;
  if (blueprint.joins_frames()) {
    return std::max<int64_t>(1, base_frames / std::max<int64_t>(1, frame_period_us / base));
  }
  return std::max<int64_t>(
      1, (2 * base_frames * base + frame_period_us) / (2 * int64_t{frame_period_us}));
}

}  // namespace concertina
