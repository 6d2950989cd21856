// The words and sentence patterns of synthetic speech, written for this corpus.
#pragma once

#include <span>
#include <string_view>

#include "speech/manifest.h"

namespace concertina {

// The words that stand for {name} in a pattern.
struct WordClass {
  std::string_view name;
  std::span<const std::string_view> words;
  bool slot = false;  // a slot of that type, <name>word</name> in column slots
};
const WordClass& word_class(std::string_view name);

// No pattern is in two splits.
struct Pattern {
  Split split;
  std::string_view text;
};
std::span<const Pattern> sentence_patterns();  // for phones
std::span<const Pattern> command_patterns();   // with {verb}, {object}, {place}
std::span<const Pattern> request_patterns();   // for slots

// An action and the two ways to say it.
struct CommandAction {
  std::string_view name;
  std::string_view verbs[2];
};
std::span<const CommandAction> command_actions();

}  // namespace concertina
