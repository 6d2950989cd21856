#include "speech/synthesis/voices.h"

#include <fmt/format.h>

#include <array>

namespace concertina {
namespace {

constexpr SyntheticVoice kVoices[] = {
    {"awb", SpeechEngine::kFlite, "awb", Split::kTrain},
    {"kal", SpeechEngine::kFlite, "kal16", Split::kTrain},
    {"espeak", SpeechEngine::kEspeak, "en-us", Split::kTrain},
    {"rms", SpeechEngine::kFlite, "rms", Split::kDev},
    {"slt", SpeechEngine::kFlite, "slt", Split::kTest},
    {"ked", SpeechEngine::kFestival, "ked_diphone", Split::kTest},
};

constexpr std::array<std::string_view, 12> kVariants = {"m1", "f1", "m2", "f2", "m3", "f3",
                                                        "m4", "f4", "m5", "f5", "m6", "m7"};
constexpr std::array<int64_t, 3> kStretches = {90, 100, 112};
constexpr std::array<int64_t, 6> kKeywordStretches = {80, 88, 96, 104, 112, 120};

template <class Values>
auto in_turn(const Values& values, int64_t turn) {
  return values[static_cast<size_t>(turn) % values.size()];
}

// espeak-ng says half of train's sentences; of its commands each voice says half.
bool says(size_t voice, const SpokenText& text) {
  if (kVoices[voice].split != text.split) return false;
  if (text.kind == TextKind::kSentence && kVoices[voice].engine == SpeechEngine::kEspeak)
    return text.turn % 2 == 0;
  const bool divided = text.kind == TextKind::kCommand && text.split == Split::kTrain;
  return !divided || (text.turn + static_cast<int64_t>(voice)) % 2 == 0;
}

void add_clips(const SyntheticVoice& voice, const SpokenText& text, int64_t number,
               std::vector<SyntheticClip>& clips) {
  const bool espeak = voice.engine == SpeechEngine::kEspeak;
  if (text.kind != TextKind::kKeyword) {
    const auto variant = espeak ? std::string(in_turn(kVariants, number)) : "";
    clips.push_back({text, &voice, variant, in_turn(kStretches, text.turn)});
  } else if (espeak) {
    for (const std::string_view variant : kVariants)
      clips.push_back({text, &voice, std::string(variant), 100});
  } else {
    for (const int64_t stretch : kKeywordStretches) clips.push_back({text, &voice, "", stretch});
  }
}

}  // namespace

std::span<const SyntheticVoice> synthetic_voices() { return kVoices; }

std::string SyntheticClip::id() const {
  std::string id = fmt::format("{}-{}", text.id, voice->speaker);
  if (!variant.empty()) id += "-" + variant;
  return text.kind == TextKind::kKeyword ? fmt::format("{}-{}", id, stretch_percent) : id;
}

std::string SyntheticClip::group() const {
  if (!text.group.empty()) return text.group;
  return fmt::format("keywords/{}{}", voice->speaker, variant);
}

bool SyntheticClip::has_phones() const {
  return text.kind == TextKind::kSentence && voice->engine != SpeechEngine::kEspeak;
}

std::vector<SyntheticClip> synthetic_clips() {
  std::vector<SyntheticClip> clips;
  int64_t number = 0;
  for (const SpokenText& text : spoken_texts()) {
    for (size_t i = 0; i < std::size(kVoices); ++i) {
      // Back and forth, so that every second clip (tasks.pr_every) is not of one voice.
      const size_t v = text.turn % 2 == 0 ? i : std::size(kVoices) - 1 - i;
      if (says(v, text)) add_clips(kVoices[v], text, number, clips);
    }
    ++number;
  }
  return clips;
}

}  // namespace concertina
