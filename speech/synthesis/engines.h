// Runs flite, festival and espeak-ng, programs of Debian, and reads the phones that they print. The
// same packages give the same samples.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/stop.h"
#include "speech/corpus.h"
#include "speech/manifest.h"
#include "speech/synthesis/voices.h"

namespace concertina {

// Names and versions of the packages that the speech depends on, as dpkg has them ("unknown" where
// it has not). SystemError, naming the packages to install, when a program or voice is missing.
std::vector<CorpusReport::Package> installed_engines(const StopToken& stop);

// Says one clip into `wav`; the segments are those of flite, none of espeak-ng. Not for festival.
// Thread-safe. SystemError when the program fails; Interrupted.
std::vector<PhoneSegment> speak(const SyntheticClip& clip, const std::filesystem::path& wav,
                                const StopToken& stop);

// Says many clips of festival in one process, which takes a second to start: I.wav and I.lab in
// `folder` for clip I. Errors as speak()'s.
void speak_with_festival(std::span<const SyntheticClip> clips, const std::filesystem::path& folder,
                         const StopToken& stop);
std::string festival_script(std::span<const SyntheticClip> clips);

// What `flite -psdur` prints: "pau:0.220 t:0.328 ...". InputError.
std::vector<PhoneSegment> parse_flite_phones(std::string_view line);

// The engines' phones as the 39 of CMUdict, in lower case, and pau: ax becomes ah, and of festival's
// "er r" r joins er. The last pause ends with the clip. InputError names an unknown phone.
std::vector<PhoneSegment> plain_phones(const std::vector<PhoneSegment>& segments,
                                       SpeechEngine engine, double clip_seconds);

}  // namespace concertina
