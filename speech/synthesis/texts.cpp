#include "speech/synthesis/texts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "core/errors.h"
#include "core/rng.h"
#include "speech/synthesis/words.h"

namespace concertina {
namespace {

constexpr std::array<Split, 3> kSplits = {Split::kTrain, Split::kDev, Split::kTest};
constexpr int64_t kSentencesOfSplit[] = {360, 100, 120};
constexpr int64_t kRequestsOfPattern = 12;

std::string random_word(std::string_view name, Rng& rng) {
  return std::string(rng.pick(word_class(name).words));
}

// A text that `seen` has not; long enough patterns make many.
FilledPattern new_filling(const Pattern& pattern, std::set<std::string>& seen, Rng& rng) {
  while (true) {
    std::set<std::string> used;  // "the coin and the coin"
    FilledPattern filled = fill_pattern(pattern.text, [&](std::string_view name) {
      std::string word = random_word(name, rng);
      while (!used.insert(word).second) word = random_word(name, rng);
      return word;
    });
    if (seen.insert(filled.words).second) return filled;
  }
}

void add_sentences(std::vector<SpokenText>& texts, const Rng& all) {
  std::set<std::string> seen;
  int64_t number = 0;
  for (size_t s = 0; s < kSplits.size(); ++s) {
    std::vector<Pattern> patterns;
    for (const Pattern& pattern : sentence_patterns()) {
      if (pattern.split == kSplits[s]) patterns.push_back(pattern);
    }
    for (int64_t i = 0; i < kSentencesOfSplit[s]; ++i, ++number) {
      Rng rng = all.fork("sentence", static_cast<uint64_t>(number));
      SpokenText text;
      text.id = text.group = fmt::format("sentences/{:03}", number);
      text.words = new_filling(patterns[static_cast<size_t>(i) % patterns.size()], seen, rng).words;
      text.split = kSplits[s];
      text.turn = number;
      texts.push_back(std::move(text));
    }
  }
}

void add_keywords(std::vector<SpokenText>& texts) {
  for (const Split split : kSplits) {
    for (const std::string_view word : word_class("keyword").words) {
      SpokenText text;
      text.kind = TextKind::kKeyword;
      text.id = fmt::format("keywords/{}-{}", split_name(split), word);
      text.words = text.keyword = word;
      text.split = split;
      texts.push_back(std::move(text));
    }
  }
}

struct Command {
  const CommandAction& action;
  std::string_view object, place;
  size_t pattern, verb;
};

SpokenText command_text(const Command& command) {
  const Pattern& pattern = command_patterns()[command.pattern];
  const FilledPattern filled = fill_pattern(pattern.text, [&](std::string_view name) {
    if (name == "verb") return std::string(command.action.verbs[command.verb]);
    return std::string(name == "object" ? command.object : command.place);
  });
  const std::string_view action = command.action.name;
  SpokenText text;
  text.kind = TextKind::kCommand;
  text.id = fmt::format("commands/{}-{}-{}-{}{}", action, command.object, command.place,
                        command.pattern, command.verb == 0 ? 'a' : 'b');
  text.words = filled.words;
  text.slots = filled.slots;
  text.intent = fmt::format("{} {} {}", action, command.object, command.place);
  text.group = fmt::format("commands/{}", command.pattern);
  text.split = pattern.split;
  text.turn = static_cast<int64_t>(command.pattern + command.verb);
  return text;
}

// All intents in each pattern; in train with both verbs, else with one.
void add_commands(std::vector<SpokenText>& texts) {
  size_t intent = 0;
  for (const CommandAction& action : command_actions()) {
    for (const std::string_view object : word_class("object").words) {
      for (const std::string_view place : word_class("place").words) {
        for (size_t p = 0; p < command_patterns().size(); ++p) {
          for (size_t verb = 0; verb < 2; ++verb) {
            const bool train = command_patterns()[p].split == Split::kTrain;
            if (train || (intent + p) % 2 == verb)
              texts.push_back(command_text({action, object, place, p, verb}));
          }
        }
        ++intent;
      }
    }
  }
}

size_t possible_fillings(std::string_view pattern) {
  size_t count = 1;
  fill_pattern(pattern, [&count](std::string_view name) {
    count *= word_class(name).words.size();
    return std::string();
  });
  return count;
}

void add_requests(std::vector<SpokenText>& texts, const Rng& all) {
  std::set<std::string> seen;
  for (size_t p = 0; p < request_patterns().size(); ++p) {
    const Pattern& pattern = request_patterns()[p];
    const auto count =
        std::min(kRequestsOfPattern, static_cast<int64_t>(possible_fillings(pattern.text)));
    Rng rng = all.fork("request", p);
    for (int64_t i = 0; i < count; ++i) {
      const FilledPattern filled = new_filling(pattern, seen, rng);
      SpokenText text;
      text.kind = TextKind::kRequest;
      text.id = fmt::format("requests/{:02}-{:02}", p, i);
      text.words = filled.words;
      text.slots = filled.slots;
      text.group = fmt::format("requests/{:02}", p);
      text.split = pattern.split;
      text.turn = i;
      texts.push_back(std::move(text));
    }
  }
}

}  // namespace

FilledPattern fill_pattern(std::string_view pattern,
                           const std::function<std::string(std::string_view name)>& word_of) {
  FilledPattern filled;
  while (!pattern.empty()) {
    const size_t open = std::min(pattern.find('{'), pattern.size());
    filled.words += pattern.substr(0, open);
    filled.slots += pattern.substr(0, open);
    pattern.remove_prefix(open);
    if (pattern.empty()) break;
    const size_t close = pattern.find('}');
    CONCERTINA_ASSERT(close != std::string_view::npos);
    const std::string_view name = pattern.substr(1, close - 1);
    const bool slot = name != "verb" && word_class(name).slot;
    const std::string word = word_of(name);
    filled.any_slot |= slot;
    filled.words += word;
    filled.slots += slot ? fmt::format("<{0}>{1}</{0}>", name, word) : word;
    pattern.remove_prefix(close + 1);
  }
  return filled;
}

std::vector<SpokenText> spoken_texts() {
  const Rng rng = Rng(0).fork("synthetic speech");
  std::vector<SpokenText> texts;
  add_sentences(texts, rng);
  add_keywords(texts);
  add_commands(texts);
  add_requests(texts, rng);
  return texts;
}

}  // namespace concertina
