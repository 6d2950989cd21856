// Adds a second signal to a part of an utterance at a drawn signal-to-noise ratio: WavLM's
// utterance mixing (Chen et al. 2021, algorithm 1; unilm's utterance-mixing data set), and noise.
#pragma once

#include <cstdint>
#include <span>

#include "core/rng.h"

namespace concertina {

double mean_power(std::span<const float> samples);  // mean square; 0 of nothing

// The factor by which a signal of power `sound` is multiplied to lie `snr_db` below an utterance of
// power `utterance`: sqrt(utterance / (sound * 10^(snr_db / 10))). 0 where the signal is silent.
double mixing_gain(double utterance, double sound, double snr_db);

// Which samples of the second signal are added where.
struct MixedPart {
  int64_t length = 0;
  int64_t from = 0;  // first sample in the second signal
  int64_t to = 0;    // first sample in the utterance
};

// The length is uniform in 0 ... longest * utterance (at most `sound`), then both positions
// are uniform where it fits. `utterance` and `sound` are lengths in samples.
MixedPart draw_part(int64_t utterance, int64_t sound, double longest, Rng& rng);

void add_part(std::span<float> utterance, std::span<const float> sound, const MixedPart& part,
              double gain);

}  // namespace concertina
