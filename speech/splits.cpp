#include "speech/splits.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <utility>

#include "core/hash.h"

namespace concertina {
namespace {

// One character's files, and how much of them is held out so far.
struct Character {
  std::vector<size_t> files;  // the nearest to a third of the clips first
  double clips = 0;
  double clips_in_test = 0;
  size_t given = 0;  // of `files`

  double test_share() const { return clips_in_test / std::max(clips, 1.0); }
  bool can_give_another() const { return given > 0 && files.size() - given >= 2; }
};

std::map<std::string, Character> by_character(const std::vector<Dialogue>& dialogues) {
  std::map<std::string, Character> characters;
  for (size_t i = 0; i < dialogues.size(); ++i) {
    Character& character = characters[dialogues[i].character];
    character.files.push_back(i);
    character.clips += static_cast<double>(dialogues[i].clips);
  }
  for (auto& [name, character] : characters) {
    const auto rank = [&dialogues, third = character.clips / 3](size_t i) {
      return std::pair(std::abs(static_cast<double>(dialogues[i].clips) - third),
                       std::string_view(dialogues[i].name));
    };
    std::sort(character.files.begin(), character.files.end(),
              [&rank](size_t a, size_t b) { return rank(a) < rank(b); });
  }
  return characters;
}

// `names` without repetitions, ordered by hash: a shuffle that is the same everywhere. SHA-256,
// because the order of a weaker hash keeps names together that differ in their last letter only.
std::vector<std::string> hash_order(const std::vector<std::string>& names) {
  std::map<std::string, std::string> by_hash;
  for (const std::string& name : names) by_hash.emplace(sha256(name), name);
  std::vector<std::string> result;
  for (auto& [hash, name] : by_hash) result.push_back(std::move(name));
  return result;
}

}  // namespace

std::vector<Split> dialogue_splits(const std::vector<Dialogue>& dialogues, int64_t test_files) {
  std::vector<Split> splits(dialogues.size(), Split::kTrain);
  int64_t in_test = 0;
  const auto give = [&](Character& character, Split split) {
    const size_t file = character.files[character.given++];
    splits[file] = split;
    if (split != Split::kTest) return;
    character.clips_in_test += static_cast<double>(dialogues[file].clips);
    ++in_test;
  };
  auto characters = by_character(dialogues);
  for (auto& [name, character] : characters) {
    if (character.files.size() >= 2) give(character, Split::kTest);
    if (character.files.size() >= 3) give(character, Split::kDev);
  }
  while (in_test < test_files) {
    Character* least = nullptr;
    for (auto& [name, character] : characters) {
      if (!character.can_give_another()) continue;
      if (least == nullptr || character.test_share() < least->test_share()) least = &character;
    }
    if (least == nullptr) break;
    give(*least, Split::kTest);
  }
  return splits;
}

std::vector<Split> hash_splits(const std::vector<std::string>& names) {
  const std::vector<std::string> order = hash_order(names);
  const size_t held_out = order.size() < 3 ? 0 : std::max<size_t>(1, (order.size() + 5) / 10);
  std::map<std::string, Split> split_of;
  for (size_t i = 0; i < order.size(); ++i) {
    split_of[order[i]] = i < held_out       ? Split::kDev
                         : i < 2 * held_out ? Split::kTest
                                            : Split::kTrain;
  }
  std::vector<Split> result;
  for (const std::string& name : names) result.push_back(split_of[name]);
  return result;
}

}  // namespace concertina
