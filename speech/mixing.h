// Adding a sound to a part of an utterance at a drawn level: WavLM's utterance mixing (Chen et al.
// 2021, algorithm 1; unilm's utterance-mixing data set), and noise. Plain floats, no state.
#pragma once

#include <cstdint>
#include <span>

#include "core/rng.h"

namespace concertina {

double mean_power(std::span<const float> samples);  // mean square; 0 of nothing

// What `sound` is multiplied with so that an utterance of power `utterance` lies `snr_db` above it:
// sqrt(utterance / (sound * 10^(snr_db / 10))). 0 where the sound is silent.
double mixing_gain(double utterance, double sound, double snr_db);

// Which samples of the sound go where in the utterance.
struct MixedPart {
  int64_t length = 0;
  int64_t from = 0;  // first sample in the sound
  int64_t to = 0;    // first sample in the utterance
};

// The length is uniform in 0 ... longest * utterance (at most `sound`), then both places are
// uniform where it fits. `utterance` and `sound` are lengths in samples.
MixedPart draw_part(int64_t utterance, int64_t sound, double longest, Rng& rng);

void add_part(std::span<float> utterance, std::span<const float> sound, const MixedPart& part,
              double gain);

}  // namespace concertina
