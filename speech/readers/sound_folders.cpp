#include "speech/readers/sound_folders.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <regex>
#include <set>

#include "core/errors.h"
#include "core/mapped_file.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;

constexpr int32_t kGsmRate = 8000;
constexpr int32_t kAlsRate = 11025;

// Also when the package has a link on the way to the folder.
fs::path folder_inside(const fs::path& unpacked, const std::string& path,
                       const std::string& package) {
  const fs::path folder = unpacked / path;
  if (!fs::is_directory(folder))
    throw InputError(fmt::format("{}: no {} in the package", package, path));
  const fs::path inside = fs::canonical(folder).lexically_relative(fs::canonical(unpacked));
  if (inside.empty() || *inside.begin() == "..")
    throw InputError(fmt::format("{}: {} leads out of the package", package, path));
  return folder;
}

// Relative to the folder, sorted.
std::vector<std::string> files_below(const fs::path& folder) {
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (fs::is_regular_file(entry.symlink_status()))
      files.push_back(entry.path().lexically_relative(folder).string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

Audio decode_file(const fs::path& path, const std::string& name) {
  const auto raw = [&](RawCoding coding, int32_t rate) {
    return decode_raw(MappedFile(path).bytes(), coding, rate, name);
  };
  if (path.extension() == ".gsm") return raw(RawCoding::kGsm610, kGsmRate);
  if (path.extension() == ".ALS") return raw(RawCoding::kUnsigned8, kAlsRate);
  return read_audio(path);
}

bool is_plain(const std::string& name) {
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != '\x7f'; });
}

struct Rule {
  std::regex pattern;
  const SoundFiles* files;
};

struct Match {
  std::string language, speaker, why_skipped, keyword;
  Split split;
};

std::optional<Match> match_of(const std::string& file, const std::vector<Rule>& rules) {
  std::smatch groups;
  for (const Rule& rule : rules) {
    if (std::regex_match(file, groups, rule.pattern)) {
      const SoundFiles& files = *rule.files;
      return Match{groups.format(files.language), groups.format(files.speaker), files.why_skipped,
                   groups.format(files.keyword), files.split};
    }
  }
  return std::nullopt;
}

RawClip clip_of(const fs::path& path, const std::string& id, const std::string& package,
                const Match& match) {
  RawClip raw;
  raw.clip.id = id;
  raw.clip.path = fmt::format("audio/{}.wav", id);
  raw.clip.speaker = match.speaker;
  raw.clip.language = match.language;
  raw.clip.keyword = match.keyword;
  raw.clip.split = match.split;
  raw.clip.source = package;
  raw.clip.group = id;
  raw.min_samples = kHalfSecond;
  raw.decode = [path, id] { return decode_file(path, id); };
  return raw;
}

}  // namespace

PackageClips read_sound_folder(const fs::path& unpacked, const std::string& package,
                               const SoundFolder& folder) {
  const fs::path root = folder_inside(unpacked, folder.path, package);
  std::vector<Rule> rules;
  for (const SoundFiles& files : folder.files) rules.push_back({std::regex(files.pattern), &files});
  PackageClips result;
  std::set<std::string> ids;
  for (const std::string& file : files_below(root)) {
    const auto match = match_of(file, rules);
    if (!match) continue;
    const std::string id =
        fmt::format("{}/{}", package, fs::path(file).replace_extension().string());
    if (!match->why_skipped.empty()) {
      result.skipped.push_back({id, match->why_skipped});
    } else if (!is_plain(file)) {
      result.skipped.push_back({id, "its name has control characters"});
    } else if (!ids.insert(id).second) {
      result.skipped.push_back({fmt::format("{}/{}", package, file), "another file has its id"});
    } else {
      result.clips.push_back(clip_of(root / file, id, package, *match));
    }
  }
  return result;
}

}  // namespace concertina
