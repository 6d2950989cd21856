// What synthetic speech says: sentences, keywords, commands and requests, with their labels and
// splits. The same on every machine.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "speech/manifest.h"

namespace concertina {

enum class TextKind { kSentence, kKeyword, kCommand, kRequest };

struct SpokenText {
  TextKind kind = TextKind::kSentence;
  std::string id;     // "commands/activate-lights-kitchen-1", unique
  std::string words;  // letters, blanks and commas
  std::string slots;  // the same with its slots marked; "" where it has none
  std::string keyword, intent;
  std::string group;  // the sentence, or the pattern of commands and requests; "": its voice
  Split split = Split::kTrain;
  int64_t turn = 0;  // decides the voices, where not all of the split say it, and the rate
};

// A keyword is there once for each split, every other text once: patterns of train, dev and test
// differ.
std::vector<SpokenText> spoken_texts();

struct FilledPattern {
  std::string words, slots;  // `slots` has marks only where the pattern has slots
  bool any_slot = false;
};
// Each {name} in `pattern` becomes `word_of(name)`. {verb} is no slot; other names are
// word_class()es.
FilledPattern fill_pattern(std::string_view pattern,
                           const std::function<std::string(std::string_view name)>& word_of);

}  // namespace concertina
