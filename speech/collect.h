// From clips in any format to clips of a manifest: decoded in parallel, without duplicates, stored
// as 16 kHz mono WAV.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/stop.h"
#include "speech/audio.h"
#include "speech/corpus.h"
#include "speech/manifest.h"

namespace concertina {

inline constexpr int64_t kMinSamples = 400;  // 25 ms: one analysis frame

// A clip as it was found. `clip.path` is the path of its WAV relative to the manifest's folder;
// with `stored` that WAV exists already and is only read.
struct RawClip {
  Clip clip;                      // all but `samples`
  std::function<Audio()> decode;  // 16 kHz; thread-safe; InputError: the clip is skipped and listed
  bool stored = false;
  int64_t min_samples = kMinSamples;  // shorter clips are skipped and listed
  std::string origin;                 // its name in the list of skipped files; "": its id
};

// The clips that a reader found in one package or folder.
struct RawClips {
  std::vector<RawClip> clips;
  std::vector<SkippedFile> skipped;
};

struct CollectedClips {
  std::vector<Clip> clips;  // in the order of the raw clips, without duplicates
  std::vector<SkippedFile> skipped;
  int64_t duplicates = 0;
};

// Of clips with equal decoded samples the first is kept; `title` is that of the progress bar.
// SystemError when a WAV cannot be written; Interrupted.
CollectedClips collect_clips(const RawClips& raw, const std::filesystem::path& folder,
                             const StopToken& stop, const std::string& title = "decode clips");

// skipped.tsv: path and reason, one per row.
void write_skipped(const std::vector<SkippedFile>& skipped, const std::filesystem::path& path);

}  // namespace concertina
