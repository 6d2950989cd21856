// One reader per package format: from unpacked files to clips with ids, speakers, texts and splits.
// Readers use names and tables only; audio is decoded later, in parallel, by each clip's `decode`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "speech/collect.h"

namespace concertina {

// `unpacked` is what dpkg-deb -x made of `package`. Clip ids start with "PACKAGE/", paths with
// "audio/PACKAGE/", phone labels with "phones/PACKAGE/"; clip.phones files are copied there from
// phone_files by the caller. InputError when the package lacks what the reader expects.
struct PackageClips : RawClips {
  struct PhoneFile {
    std::filesystem::path from;
    std::string to;
  };
  std::vector<PhoneFile> phone_files;
};
using PackageReader = PackageClips (*)(const std::filesystem::path& unpacked,
                                       const std::string& package);

inline constexpr int64_t kHalfSecond = kClipSampleRate / 2;  // samples

// festvox voices: wav/ID.wav, lab/ID.lab, etc/txt.done.data. Split by utterance number mod 10: 8
// dev, 9 test.
PackageClips read_festvox(const std::filesystem::path& unpacked, const std::string& package);

// Asterisk prompts: sounds/xx_YY_gender_Name/**.g722, one speaker per package; ids only, no text;
// the keyword of digits/0 to 9 is the language and the digit. All train. silence/ and clips under half a second (tones, clicks, cut words) are skipped and
// listed.
PackageClips read_asterisk(const std::filesystem::path& unpacked, const std::string& package);

// Flight of the Amazon Queen: queen.1c, an archive of MP3 speech and dialogue files. Clips of a
// dialogue are one group and split by dialogue_splits; cut scenes and remarks have no speaker label
// and are train.
PackageClips read_amazon_queen(const std::filesystem::path& unpacked, const std::string& package);

// Beneath a Steel Sky: sky.dsk, an archive of packed speech; no speakers, all train. Clips under half
// a second are skipped and listed.
PackageClips read_steel_sky(const std::filesystem::path& unpacked, const std::string& package);

// A package of ordinary sound files: those of the table in readers/reference.cpp, which says what is
// speech and where languages and speakers come from. Errors and skipped files: read_sound_folder
// (readers/sound_folders.h).
PackageClips read_sound_files(const std::filesystem::path& unpacked, const std::string& package);

}  // namespace concertina
