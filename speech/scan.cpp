#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <sstream>

#include "core/errors.h"
#include "core/files.h"
#include "speech/collect.h"
#include "speech/corpus.h"
#include "speech/splits.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;

constexpr size_t kManySpeakers = 10;  // from here on whole speakers are held out

bool is_audio_name(const fs::path& path) {
  static const std::set<std::string> kKnown = {".wav",  ".flac", ".ogg",  ".oga",  ".opus", ".mp3",
                                               ".g722", ".aif",  ".aiff", ".aifc", ".au",   ".snd",
                                               ".caf",  ".w64",  ".rf64", ".sph"};
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return kKnown.contains(extension);
}

// Audio files under `folder`, sorted; `converted` (what an earlier scan made) is left out.
std::vector<fs::path> audio_files(const fs::path& folder, const fs::path& converted) {
  std::vector<fs::path> files;
  std::set<fs::path> visited = {folder, converted};
  std::error_code error;
  fs::recursive_directory_iterator it(folder,
                                      fs::directory_options::follow_directory_symlink |
                                          fs::directory_options::skip_permission_denied,
                                      error);
  if (error)
    throw SystemError(fmt::format("{}: cannot be read: {}", folder.string(), error.message()));
  for (const auto end = fs::recursive_directory_iterator(); it != end; it.increment(error)) {
    if (error)
      throw SystemError(fmt::format("{}: cannot be read: {}", folder.string(), error.message()));
    if (it->is_directory(error)) {
      // Links are followed, but nothing is visited twice.
      if (!visited.insert(fs::weakly_canonical(it->path(), error)).second)
        it.disable_recursion_pending();
    } else if (is_audio_name(it->path())) {
      files.push_back(it->path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

// LibriSpeech's SPEAKER-CHAPTER-N, when the folders above agree.
struct LibriName {
  std::string speaker, chapter;
};
std::optional<LibriName> libri_name(const fs::path& file) {
  std::istringstream parts(file.stem().string());
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

// From a folder named train, dev or test, or train-clean-100 and the like.
std::optional<Split> split_of_folders(const fs::path& file) {
  for (const fs::path& part : file.parent_path()) {
    const std::string name = part.string();
    for (const Split split : {Split::kTrain, Split::kDev, Split::kTest}) {
      if (name == split_name(split) || name.starts_with(fmt::format("{}-", split_name(split))))
        return split;
    }
  }
  return std::nullopt;
}

// "ID words" lines of SPEAKER-CHAPTER.trans.txt, each file read once.
class Transcripts {
 public:
  std::string text_of(const fs::path& file, const LibriName& name) {
    const fs::path path =
        file.parent_path() / fmt::format("{}-{}.trans.txt", name.speaker, name.chapter);
    auto [entry, is_new] = files_.try_emplace(path);
    if (is_new && fs::exists(path)) entry->second = read(path);
    const auto text = entry->second.find(file.stem().string());
    return text == entry->second.end() ? "" : text->second;
  }

 private:
  using Lines = std::map<std::string, std::string>;
  static Lines read(const fs::path& path) {
    Lines result;
    std::istringstream lines(read_text(path));
    for (std::string line; std::getline(lines, line);) {
      if (line.ends_with('\r')) line.pop_back();
      const size_t space = line.find(' ');
      if (space != std::string::npos) result[line.substr(0, space)] = line.substr(space + 1);
    }
    return result;
  }
  std::map<fs::path, Lines> files_;
};

bool is_ready(const fs::path& file) {
  try {
    const auto layout = wav_layout(file);
    return layout && layout->sample_rate == 16000;
  } catch (const SystemError&) {
    return false;
  }
}

Audio read_ready(const fs::path& file) {
  const auto layout = wav_layout(file);
  if (!layout || layout->samples == 0) throw InputError(file.string() + ": holds no samples");
  Audio audio;
  audio.samples.resize(static_cast<size_t>(layout->samples));
  read_wav_segment(file, 0, audio.samples);
  return audio;
}

// A file that cannot be opened is one more file to skip here.
Audio read_any(const fs::path& file) {
  try {
    return read_audio(file);
  } catch (const SystemError& error) {
    throw InputError(error.what());
  }
}

struct ScannedFile {
  RawClip raw;
  bool has_split = false;
};

// Names are taken as they are seen from `folder`, its own name included.
ScannedFile describe(const fs::path& file, const fs::path& folder, Transcripts& transcripts) {
  ScannedFile scanned;
  Clip& clip = scanned.raw.clip;
  const fs::path inside = file.lexically_relative(folder);
  const fs::path named = folder.filename() / inside;
  clip.id = (inside.parent_path() / inside.stem()).generic_string();
  clip.source = folder.filename().string();
  clip.group = clip.id;
  if (const auto libri = libri_name(file)) {
    clip.speaker = libri->speaker;
    clip.text = transcripts.text_of(file, *libri);
    clip.group = fmt::format("{}-{}", libri->speaker, libri->chapter);
  } else if (inside.has_parent_path()) {
    clip.speaker = inside.parent_path().filename().string();
  }
  const auto split = split_of_folders(named);
  scanned.has_split = split.has_value();
  clip.split = split.value_or(Split::kTrain);
  return scanned;
}

// Two files that differ in their extension only keep it in their ids.
void make_unique_ids(std::vector<ScannedFile>& files, const std::vector<fs::path>& paths) {
  std::map<std::string, int64_t> count;
  for (const ScannedFile& file : files) ++count[file.raw.clip.id];
  for (size_t i = 0; i < files.size(); ++i) {
    if (count[files[i].raw.clip.id] > 1) files[i].raw.clip.id += paths[i].extension().string();
  }
}

void place(RawClip& raw, const fs::path& file, const fs::path& manifest_folder,
           const std::string& converted) {
  raw.stored = is_ready(file);
  raw.origin = file.string();
  if (raw.stored) {
    raw.clip.path = file.lexically_relative(manifest_folder).generic_string();
    raw.decode = [file] { return read_ready(file); };
  } else {
    raw.clip.path = fmt::format("{}/{}.wav", converted, raw.clip.id);
    raw.decode = [file] { return read_any(file); };
  }
}

// Splits for the clips that no folder name splits: by speaker where there are many, else by group.
void split_rest(std::vector<Clip>& clips, const std::set<std::string>& has_split) {
  std::set<std::string> speakers;
  for (const Clip& clip : clips) speakers.insert(clip.speaker);
  const bool by_speaker = speakers.size() >= kManySpeakers;
  std::vector<std::string> names;
  std::vector<Clip*> rest;
  for (Clip& clip : clips) {
    if (has_split.contains(clip.id)) continue;
    rest.push_back(&clip);
    names.push_back(by_speaker ? clip.speaker : clip.group);
  }
  const auto splits = hash_splits(names);
  for (size_t i = 0; i < rest.size(); ++i) rest[i]->split = splits[i];
}

bool has_control_character(const fs::path& path) {
  const std::string text = path.string();
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 32; });
}

}  // namespace

CorpusReport scan_corpus(const fs::path& folder, const fs::path& manifest, const StopToken& stop) {
  if (!fs::exists(folder)) throw SystemError(folder.string() + ": no such folder");
  if (!fs::is_directory(folder))
    throw InputError(folder.string() + ": is a file, expected a folder of audio");
  const fs::path from = fs::canonical(folder);
  const fs::path home = fs::weakly_canonical(fs::absolute(manifest)).parent_path();
  make_directories(home);
  const std::string stem = manifest.stem().string();
  const std::string converted = stem + ".audio";

  RawClips raw;
  Transcripts transcripts;
  std::vector<ScannedFile> files;
  std::vector<fs::path> paths;
  for (const fs::path& file : audio_files(from, home / converted)) {
    if (has_control_character(file)) {
      raw.skipped.push_back({file.string(), "a tab or line break in its name"});
      continue;
    }
    paths.push_back(file);
    files.push_back(describe(file, from, transcripts));
  }
  make_unique_ids(files, paths);
  std::set<std::string> has_split;
  for (size_t i = 0; i < files.size(); ++i) {
    place(files[i].raw, paths[i], home, converted);
    if (files[i].has_split) has_split.insert(files[i].raw.clip.id);
    raw.clips.push_back(std::move(files[i].raw));
  }

  CollectedClips collected = collect_clips(raw, home, stop);
  split_rest(collected.clips, has_split);
  write_skipped(collected.skipped, home / (stem + ".skipped.tsv"));
  if (collected.clips.empty()) {
    throw InputError(fmt::format("{}: no clip could be read ({} files skipped, see {}.skipped.tsv)",
                                 folder.string(), collected.skipped.size(), stem));
  }
  const Manifest result{home, std::move(collected.clips)};
  write_manifest(result, manifest);
  return {manifest,
          static_cast<int64_t>(result.clips.size()),
          collected.duplicates,
          result.minutes(),
          std::move(collected.skipped),
          {},
          false};
}

}  // namespace concertina
