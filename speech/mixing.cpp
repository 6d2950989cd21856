#include "speech/mixing.h"

#include <algorithm>
#include <cmath>

#include "core/errors.h"

namespace concertina {

double mean_power(std::span<const float> samples) {
  double sum = 0;
  for (const float x : samples) sum += static_cast<double>(x) * x;
  return samples.empty() ? 0 : sum / static_cast<double>(samples.size());
}

double mixing_gain(double utterance, double sound, double snr_db) {
  return sound > 0 ? std::sqrt(utterance / (sound * std::pow(10.0, snr_db / 10))) : 0;
}

MixedPart draw_part(int64_t utterance, int64_t sound, double longest, Rng& rng) {
  CONCERTINA_ASSERT(longest >= 0 && longest <= 1);
  const auto most = static_cast<int64_t>(longest * static_cast<double>(utterance));
  MixedPart part;
  part.length = std::min(rng.below(most + 1), sound);
  part.from = rng.below(sound - part.length + 1);
  part.to = rng.below(utterance - part.length + 1);
  return part;
}

void add_part(std::span<float> utterance, std::span<const float> sound, const MixedPart& part,
              double gain) {
  const auto length = static_cast<size_t>(part.length);
  const auto added = sound.subspan(static_cast<size_t>(part.from), length);
  const auto into = utterance.subspan(static_cast<size_t>(part.to), length);
  const auto factor = static_cast<float>(gain);
  for (size_t i = 0; i < length; ++i) into[i] += factor * added[i];
}

}  // namespace concertina
