// Inside eval: clips with a text of code points, for tasks that recognise characters (asr, sf).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "eval/sequence_task.h"
#include "speech/manifest.h"

namespace concertina {

struct SpelledClip {
  int64_t clip = 0;  // index into the manifest
  std::u32string text;
};

struct SpelledData {
  SequenceData sequences;  // without metrics
  // The class of symbols[i] is i + 1: first those of train, then those of the split that train lacks,
  // which nothing is recognised as.
  std::u32string symbols;
  std::string missing;  // why train or the split has no clip, or ""

  int64_t class_of(char32_t symbol) const;  // 0 (kBlank) where no clip has it
  std::u32string text_of(std::span<const int64_t> classes) const;
};

// Those of train and of `split` that are not empty, long enough and no longer than clip_seconds, as many
// as the fidelity says. `column` is named in `missing`.
SpelledData spelled_data(const Manifest& manifest, const std::vector<SpelledClip>& clips,
                         const TaskOptions& options, Split split, const std::string& column);

}  // namespace concertina
