// What train and a scored split share although a task's score assumes that they do not.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "speech/manifest.h"

namespace concertina {

enum class LeakKind {
  kAudio,    // the same file, or equal samples by the manifest's column `hash`
  kGroup,    // a dialogue, session or chapter of one source
  kSpeaker,  // of one source
  kText,     // the same transcript
};

// A value of one kind that both have.
struct Leak {
  LeakKind kind = LeakKind::kAudio;
  std::string value;        // the path or hash, group, speaker or transcript
  std::string train, clip;  // ids of a clip that has it in train and in the scored split
  Split split = Split::kTest;
  int64_t clips = 0;  // of the scored split that have it
  bool operator==(const Leak&) const = default;
};

// Leaks of these kinds among `clips` (indices into the manifest) from train into dev and test, by
// kind, split and value. Empty columns are no leak; hashes are those that the manifest has, no audio
// is read.
std::vector<Leak> find_leaks(const Manifest& manifest, std::span<const int64_t> clips,
                             std::span<const LeakKind> kinds);

// A sentence for each kind: "3 speakers of split test are in train too (17 clips), 'anna' in 'a/1'
// and 'b/2'".
std::vector<std::string> leak_sentences(std::span<const Leak> leaks);

}  // namespace concertina
