#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <sstream>

#include "core/errors.h"
#include "core/files.h"
#include "core/text.h"
#include "speech/scan/found_clips.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

// LibriSpeech's SPEAKER-CHAPTER-N, when the folders above agree.
struct LibriName {
  std::string speaker, chapter;
};
std::optional<LibriName> libri_name(const fs::path& file) {
  std::istringstream parts(file.filename().string());
  std::string speaker, chapter, number;
  std::getline(parts, speaker, '-');
  std::getline(parts, chapter, '-');
  std::getline(parts, number);
  const fs::path folder = file.parent_path();
  if (!is_number(speaker) || !is_number(chapter) || !is_number(number)) return std::nullopt;
  if (folder.filename() != chapter || folder.parent_path().filename() != speaker)
    return std::nullopt;
  return LibriName{speaker, chapter};
}

std::optional<Split> split_of_folders(const fs::path& folders) {
  for (const fs::path& part : folders) {
    if (const auto split = split_of_name(part.string())) return split;
  }
  return std::nullopt;
}

// Names come from archives and lists too: an id must not lead out of a folder.
std::string inner_path(const fs::path& path) {
  fs::path inner;
  for (const fs::path& part : path.relative_path()) {
    if (part != "." && part != "..") inner /= part;
  }
  return inner.generic_string();
}

}  // namespace

std::string Transcripts::text_of(const fs::path& folder, const std::string& chapter,
                                 const std::string& id) {
  const fs::path path = folder / (chapter + ".trans.txt");
  auto [entry, is_new] = files_.try_emplace(path);
  if (is_new && fs::exists(path)) {
    const std::string lines = read_text(path);
    for (std::string_view rest = lines; !rest.empty();) {
      const std::string line(take_line(rest));
      const size_t space = line.find(' ');
      if (space != std::string::npos) entry->second[line.substr(0, space)] = line.substr(space + 1);
    }
  }
  const auto text = entry->second.find(id);
  return text == entry->second.end() ? "" : text->second;
}

bool is_audio_name(const fs::path& path) {
  static const std::set<std::string> kKnown = {".wav",  ".flac", ".ogg",  ".oga",  ".opus", ".mp3",
                                               ".g722", ".aif",  ".aiff", ".aifc", ".au",   ".snd",
                                               ".caf",  ".w64",  ".rf64", ".sph"};
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return kKnown.contains(extension);
}

std::optional<Split> split_of_name(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, Split>, 4> kNames = {
      {{"train", Split::kTrain},
       {"dev", Split::kDev},
       {"valid", Split::kDev},
       {"test", Split::kTest}}};
  for (const auto& [start, split] : kNames) {
    if (!name.starts_with(start)) continue;
    if (name.size() == start.size() || name[start.size()] == '-' || name[start.size()] == '_')
      return split;
  }
  return std::nullopt;
}

FoundClip clip_by_name(const ClipPlace& place, Transcripts& transcripts) {
  const fs::path name = place.shard / place.inside.relative_path(), full = place.root / name;
  FoundClip found;
  found.extension = place.extension;
  Clip& clip = found.raw.clip;
  clip.id = inner_path(name);
  clip.group = clip.id;
  clip.source = place.root.filename().string();
  if (const auto libri = libri_name(full)) {
    clip.speaker = libri->speaker;
    clip.group = fmt::format("{}-{}", libri->speaker, libri->chapter);
    clip.text = transcripts.text_of(full.parent_path(), clip.group, full.filename().string());
  } else {
    clip.speaker = place.inside.parent_path().filename().string();
  }
  found.split = split_of_folders(place.root.filename() / name.parent_path());
  return found;
}

Audio read_file(const fs::path& file) {
  try {
    return read_audio(file);
  } catch (const SystemError& error) {
    throw InputError(error.what());
  }
}

}  // namespace concertina
