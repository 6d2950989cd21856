#include "supernet/space/blueprint.h"

#include <algorithm>

#include "core/errors.h"
#include "supernet/space/frames.h"

namespace concertina {

int32_t Blueprint::base_frame_samples() const {
  if (front_end == FrontEndKind::kLogMel) return mel.hop * mel.stack;
  if (front_end == FrontEndKind::kWhisper) return kWhisperHop * kWhisperStride;
  int32_t product = 1;
  for (const ConvLayer& layer : wave.layers) product *= layer.stride;
  return product;
}

int32_t Blueprint::base_frame_period_us() const {
  return static_cast<int32_t>(int64_t{base_frame_samples()} * 1'000'000 / sample_rate);
}

int64_t Blueprint::frames(int64_t samples) const {
  samples = std::max<int64_t>(0, samples);
  if (front_end == FrontEndKind::kWave) return conv_outputs(wave, wave.layers.size(), samples);
  if (front_end == FrontEndKind::kWhisper) return whisper_frames(samples);
  return conv_outputs(samples, mel.window, mel.hop) / mel.stack;
}

int32_t Blueprint::front_end_dim(const std::vector<int32_t>& conv_channels) const {
  if (front_end == FrontEndKind::kLogMel) return mel.bins * mel.stack;
  if (front_end == FrontEndKind::kWhisper) return whisper.bins * kWhisperStride;
  CONCERTINA_ASSERT(!conv_channels.empty());
  return conv_channels.back();
}

bool Blueprint::reuses_attention(int32_t layer) const {
  return std::ranges::binary_search(attention_reuse, layer);
}

bool Blueprint::joins_frames() const {
  return rate == RateKind::kConv || rate == RateKind::kLinear || rate == RateKind::kAverage;
}

bool Blueprint::has_projection() const { return projection && front_end != FrontEndKind::kWhisper; }

}  // namespace concertina
