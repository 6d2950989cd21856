// Splits into train, dev and test.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "speech/manifest.h"

namespace concertina {

// Holds out a tenth of the names for dev and a tenth for test, at least one each, by the order of
// their hashes: the same names give the same splits whatever their order. Fewer than three names
// are all train. The result is in the order of `names`, which may repeat.
std::vector<Split> hash_splits(const std::vector<std::string>& names);

// The splits of a game's dialogue files, so that every character with several files occurs in train
// and in test.
// 1. Each character with two or more gives test the one nearest to a third of the character's
// clips.
// 2. Each with three or more gives dev the next nearest.
// 3. Until test has `test_files` files, the character with the smallest share in test gives another
// one, keeping one for train.
struct Dialogue {
  std::string name;       // file name, e.g. SPARKY3
  std::string character;  // e.g. SPARKY
  int64_t clips = 0;      // of the character, not of the hero
};
std::vector<Split> dialogue_splits(const std::vector<Dialogue>& dialogues, int64_t test_files);

}  // namespace concertina
