// What `corpus scan` finds before anything is decoded, in folders, tar shards and fairseq
// manifests. Metadata comes from names where possible: LibriSpeech's speaker, chapter and text, the
// speaker by folder, the split by a folder named train, dev, valid or test, or train-clean-100 and
// the like.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "speech/collect.h"

namespace concertina {

struct FoundClip {
  RawClip raw;            // all but clip.path, clip.split and stored
  std::string extension;  // ".flac"; appended to the id where two clips would have the same one
  std::optional<Split> split;
  // The clip's own file, used in place where it is a WAV of the right format; "": none.
  std::filesystem::path file;
};

struct FoundClips {
  std::vector<FoundClip> clips;
  std::vector<SkippedFile> skipped;
};

// Location of a clip: root/shard/inside + extension. The name of `root` becomes the source.
struct ClipPlace {
  std::filesystem::path root;
  std::filesystem::path shard;   // a tar below it, without ".tar"; "": none
  std::filesystem::path inside;  // without the extension
  std::string extension;
};

// "ID words" lines of SPEAKER-CHAPTER.trans.txt, each file read once.
class Transcripts {
 public:
  // "" when there is none. `chapter` is SPEAKER-CHAPTER.
  std::string text_of(const std::filesystem::path& folder, const std::string& chapter,
                      const std::string& id);

 private:
  using Lines = std::map<std::string, std::string>;
  std::map<std::filesystem::path, Lines> files_;
};

FoundClip clip_by_name(const ClipPlace& place, Transcripts& transcripts);  // without raw.decode
bool is_audio_name(const std::filesystem::path& path);
std::optional<Split> split_of_name(std::string_view name);
Audio read_file(const std::filesystem::path& file);  // InputError where it cannot be opened, too

// Audio files and tar shards below `folder`, sorted, without those in `left_out`.
FoundClips find_in_folder(const std::filesystem::path& folder,
                          const std::filesystem::path& left_out);

// A WebDataset shard, root/shard.tar: members KEY.EXTENSION with one KEY, up to the first dot of
// the file name, are one sample. KEY.txt is its text; KEY.json may have text, speaker (or
// speaker_id) and language. Of a damaged shard the members before the damage are found, and the
// damage is listed as skipped.
FoundClips find_in_tar(const std::filesystem::path& root, const std::filesystem::path& shard);

// fairseq's manifest: the root folder, then PATH <tab> SAMPLES a line. Texts are the lines of the
// .wrd file next to it, else of the .ltr file; the split is by the manifest's name, else by folders.
// InputError with the line when it is not one.
FoundClips find_in_fairseq_manifest(const std::filesystem::path& tsv);

}  // namespace concertina
