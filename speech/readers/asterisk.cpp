#include <fmt/format.h>

#include <algorithm>

#include "core/errors.h"
#include "speech/readers/readers.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;

constexpr uintmax_t kHalfSecondBytes = 4000;  // at 64 kbit/s

std::vector<fs::path> g722_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path().extension() == ".g722")
      files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string why_not_speech(const fs::path& name, const fs::path& file) {
  if (*name.begin() == "silence") return "silence, not speech";
  if (fs::file_size(file) < kHalfSecondBytes) return "shorter than half a second";
  return "";
}

// "en 7" of digits/7.g722.
std::string digit_keyword(const fs::path& name, const std::string& language) {
  const std::string stem = name.stem().string();
  const bool digit =
      name.parent_path() == "digits" && stem.size() == 1 && stem[0] >= '0' && stem[0] <= '9';
  return digit ? fmt::format("{} {}", language, stem) : "";
}

}  // namespace

PackageClips read_asterisk(const fs::path& unpacked, const std::string& package) {
  const fs::path sounds = unpacked / "usr/share/asterisk/sounds";
  if (!fs::is_directory(sounds))
    throw InputError(package + ": no usr/share/asterisk/sounds in the package");
  PackageClips result;
  for (const fs::path& file : g722_files(sounds)) {
    const fs::path inside = file.lexically_relative(sounds);
    const std::string speaker = inside.begin()->string();  // e.g. fr_CA_f_June
    const fs::path name = inside.lexically_relative(speaker);
    const std::string id =
        fmt::format("{}/{}", package, (name.parent_path() / name.stem()).string());
    if (const std::string reason = why_not_speech(name, file); !reason.empty()) {
      result.skipped.push_back({id, reason});
      continue;
    }
    RawClip raw;
    raw.clip.id = id;
    raw.clip.path = fmt::format("audio/{}.wav", id);
    raw.clip.speaker = speaker;
    raw.clip.language = speaker.substr(0, speaker.find('_'));
    raw.clip.source = package;
    raw.clip.group = id;
    raw.clip.keyword = digit_keyword(name, raw.clip.language);
    raw.decode = [file] { return read_audio(file); };
    result.clips.push_back(std::move(raw));
  }
  return result;
}

}  // namespace concertina
