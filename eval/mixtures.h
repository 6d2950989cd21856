// Two-speaker mixtures of a corpus's clips, for speaker diarization, in the manner of LibriMix (Cosentino
// et al. 2020). They depend on the manifest and a seed alone; no file is written.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/rng.h"

namespace concertina {

// Two clips of different speakers, added: the second begins `offset` samples after the first, before it
// ends, and is scaled by `gain`.
struct Mixture {
  int64_t first = 0, second = 0;  // indices into a manifest
  int64_t offset = 0;
  float gain = 1;
  bool operator==(const Mixture&) const = default;
};

struct TaskMixture {  // as a task's clip
  Mixture mixture;
  bool training = false;
};

struct MixableClip {
  int64_t clip = 0, speaker = 0;
  int64_t samples = 0;
};

// At most `count` mixtures of different pairs of clips: of two speakers, each as likely as another, a
// random clip, overlapping by a random part. Fewer are a prefix of more. Gains are 1.
std::vector<Mixture> draw_mixtures(std::span<const MixableClip> clips, int64_t count, Rng rng);

int64_t mixed_samples(const Mixture& mixture, int64_t of_first, int64_t of_second);
std::vector<float> mixed(const Mixture& mixture, std::vector<float> first,
                         std::span<const float> second);

}  // namespace concertina
