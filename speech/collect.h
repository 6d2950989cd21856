// From clips in any format to clips of a manifest: decode in parallel, drop duplicates, store as 16
// kHz mono WAV.
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

// A clip where it was found. `clip.path` says where its WAV goes, relative to the manifest's
// folder; with `stored` the WAV is there already and is only looked through.
struct RawClip {
  Clip clip;                      // all but `samples`
  std::function<Audio()> decode;  // 16 kHz; thread-safe; InputError: the clip is skipped and listed
  bool stored = false;
  std::string origin;  // names it in the list of skipped files; "": its id
};

// What a reader makes of one package or folder.
struct RawClips {
  std::vector<RawClip> clips;
  std::vector<SkippedFile> skipped;
};

struct CollectedClips {
  std::vector<Clip> clips;  // in the order of the raw clips, each sound once
  std::vector<SkippedFile> skipped;
  int64_t duplicates = 0;
};

inline constexpr int64_t kMinSamples = 400;  // 25 ms: one analysis frame

// Of clips with equal decoded samples the first is kept. SystemError when a WAV cannot be written;
// Interrupted.
CollectedClips collect_clips(const RawClips& raw, const std::filesystem::path& folder,
                             const StopToken& stop);

// skipped.tsv: path and reason, one a row.
void write_skipped(const std::vector<SkippedFile>& skipped, const std::filesystem::path& path);

}  // namespace concertina
