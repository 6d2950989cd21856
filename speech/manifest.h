// manifest.tsv: one clip per row. Tab-separated with a header; columns: id path samples speaker
// language text phones keyword intent emotion tone slots source group split hash. Paths are relative to
// the manifest's folder. Tabs and newlines in text become spaces.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace concertina {

enum class Split { kTrain, kDev, kTest };
std::string_view split_name(Split split);  // train | dev | test

struct Clip {
  std::string id;    // unique in the manifest
  std::string path;  // 16 kHz mono WAV, relative to the manifest's folder
  int64_t samples = 0;
  std::string speaker;   // "" when unknown
  std::string language;  // ISO 639-1, "" when unknown
  std::string text;      // "" when unknown
  std::string phones;    // path of a phone label file (see read_phones), "" when none
  std::string keyword;   // the word or phrase that is the whole clip, "" when it is none
  std::string intent;    // what the speaker wants, one of a closed set, "" when unknown
  std::string emotion;   // one of a closed set, "" when unknown
  std::string tone;      // lexical tone of the syllable that is the whole clip, "" when it is none
  std::string slots;     // the text with marked slots, "play <artist>adele</artist>", or ""
  std::string source;    // the package or folder it came from
  std::string group;     // never divided between splits: dialogue file, utterance, chapter
  Split split = Split::kTrain;
  std::string hash;  // pcm_hash() of its samples, "" when unknown
};

struct Manifest {
  std::filesystem::path folder;
  std::vector<Clip> clips;
  // Modification time of the file it was read from: audio files that are newer have changed since.
  std::optional<std::filesystem::file_time_type> written = std::nullopt;

  std::filesystem::path audio_path(const Clip& clip) const { return folder / clip.path; }
  std::filesystem::path phones_path(const Clip& clip) const { return folder / clip.phones; }
  double minutes() const;
  // Identifies the data: a hash of ids, lengths, splits and audio hashes. The hashes of files newer
  // than the manifest are computed again, which reads them. Without a hash in the manifest, a
  // file's size and modification time are used instead.
  std::string fingerprint() const;
};

Manifest read_manifest(const std::filesystem::path& path);  // InputError names line and column
// A file of clips for one purpose: a manifest, or a list of clips of `corpus`. A list has neither
// `path` nor `samples`: its rows name clips of the corpus by `id`, its other columns replace the
// corpus's, and clips that it does not name are left out. Paths of a list's column `phones` are
// relative to the list's folder. InputError names line and column.
Manifest read_clips(const std::filesystem::path& path, const Manifest& corpus);
void write_manifest(const Manifest& manifest, const std::filesystem::path& path);
std::string tsv_field(std::string text);  // tabs and line breaks become spaces

struct PhoneSegment {
  double end_s = 0;
  std::string label;
};
// A festvox .lab file: lines of "END 125 PHONE", END in seconds.
std::vector<PhoneSegment> read_phones(const std::filesystem::path& path);

}  // namespace concertina
