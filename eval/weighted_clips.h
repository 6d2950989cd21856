// A part of a split's clips, for scores that need not read all of them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "speech/manifest.h"

namespace concertina {

struct ClipDraw {
  double seconds = 0;                           // at least, where the split has them
  double clip_seconds = 0;                      // that a clip counts for at most
  std::map<std::string, double> source_weight;  // as in training (joined_clips.h)
  uint64_t seed = 0;
};

// Indices into the manifest, ascending: random clips of the split, without replacement (Efraimidis and
// Spirakis 2006), those of a source in proportion to its weight. Clips shorter than a tenth of a second
// are left out. InputError when none is left.
std::vector<int64_t> weighted_clips(const Manifest& manifest, Split split, const ClipDraw& draw);

}  // namespace concertina
