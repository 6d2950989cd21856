// Packages whose speech is a folder of sound files: which files are clips, and their language and
// speaker, by their paths.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "speech/readers/readers.h"

namespace concertina {

// The files below a folder whose path relative to it matches `pattern` as a whole (ECMAScript).
// `language`, `speaker` and `keyword` may have $1 to $9, what a group of the pattern matched.
struct SoundFiles {
  std::string pattern;
  std::string language;
  std::string speaker;
  std::string why_skipped = {};  // when not "", the files are only listed
  std::string keyword = {};
  Split split = Split::kTrain;
};

struct SoundFolder {
  std::string path;  // in the package
  // A file belongs to the first whose pattern it matches; one that matches none is no speech.
  std::vector<SoundFiles> files;
};

// Clips named by their path in the folder without its extension, each a group of its own.
// By extension: .gsm raw GSM 06.10 at 8 kHz, .ALS unsigned 8-bit at 11025 Hz, others as read_audio.
// Links are not followed. Clips under half a second, and files whose name has control characters or
// gives an id that another has, are skipped and listed. InputError when the folder is missing or
// lies outside `unpacked`.
PackageClips read_sound_folder(const std::filesystem::path& unpacked, const std::string& package,
                               const SoundFolder& folder);

}  // namespace concertina
