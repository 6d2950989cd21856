// The voices of synthetic speech and the clips that they say.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "speech/synthesis/texts.h"

namespace concertina {

enum class SpeechEngine { kFlite, kFestival, kEspeak };

// A voice is on one side of the split. flite's kal16 is festival's kal and flite's slt is its
// slt_hts: one of them is here. All variants of espeak-ng are one speaker.
struct SyntheticVoice {
  std::string_view speaker;
  SpeechEngine engine;
  std::string_view name;  // the engine's
  Split split;
};
std::span<const SyntheticVoice> synthetic_voices();

struct SyntheticClip {
  SpokenText text;
  const SyntheticVoice* voice = nullptr;
  std::string variant;            // of espeak-ng: "m3"
  int64_t stretch_percent = 100;  // of the engine's own durations
  std::string id() const;         // "commands/activate-lights-kitchen-1a-awb"
  std::string group() const;
  bool has_phones() const;  // sentences, but for espeak-ng's
};
// In a fixed order: train, then dev, then test of each kind of text.
std::vector<SyntheticClip> synthetic_clips();

}  // namespace concertina
