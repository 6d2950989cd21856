#include "speech/collect.h"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "core/errors.h"
#include "core/files.h"
#include "core/progress.h"
#include "core/threads.h"
#include "speech/process.h"

namespace concertina {
namespace {

struct Outcome {
  int64_t samples = 0;
  std::string hash;
  std::string problem;  // why the clip was skipped, "" when it was not
};

Outcome collect_one(const RawClip& raw, const std::filesystem::path& folder) {
  Outcome outcome;
  try {
    const Audio audio = raw.decode();
    outcome.samples = static_cast<int64_t>(audio.samples.size());
    if (outcome.samples < raw.min_samples) {
      outcome.problem = fmt::format("too short: {} samples at 16 kHz, at least {} are needed",
                                    outcome.samples, raw.min_samples);
      return outcome;
    }
    outcome.hash = pcm_hash(audio.samples);
    if (!raw.stored) write_wav(folder / raw.clip.path, audio.samples);
  } catch (const InputError& error) {
    outcome.problem = error.what();
  }
  return outcome;
}

void make_folders(const std::vector<RawClip>& clips, const std::filesystem::path& folder) {
  std::set<std::filesystem::path> folders;
  for (const RawClip& raw : clips) {
    if (!raw.stored) folders.insert((folder / raw.clip.path).parent_path());
  }
  for (const auto& needed : folders) make_directories(needed);
}

}  // namespace

CollectedClips collect_clips(const RawClips& raw, const std::filesystem::path& folder,
                             const StopToken& stop, const std::string& title) {
  make_folders(raw.clips, folder);
  const auto count = static_cast<int64_t>(raw.clips.size());
  std::vector<Outcome> outcomes(raw.clips.size());
  Progress progress(title, count);
  parallel_for(count, [&](int64_t i) {
    if (stop.stop_requested()) return;
    outcomes[static_cast<size_t>(i)] = collect_one(raw.clips[static_cast<size_t>(i)], folder);
    progress.advance();
  });
  check_stop(stop, "no manifest was written; run the same command again to continue");

  CollectedClips result;
  result.skipped = raw.skipped;
  std::set<std::pair<std::string, int64_t>> seen;
  for (size_t i = 0; i < outcomes.size(); ++i) {
    const RawClip& from = raw.clips[i];
    const Outcome& outcome = outcomes[i];
    if (!outcome.problem.empty()) {
      result.skipped.push_back({from.origin.empty() ? from.clip.id : from.origin, outcome.problem});
    } else if (!seen.emplace(outcome.hash, outcome.samples).second) {
      ++result.duplicates;
      if (!from.stored) std::filesystem::remove(folder / from.clip.path);
    } else {
      result.clips.push_back(from.clip);
      result.clips.back().samples = outcome.samples;
      result.clips.back().hash = outcome.hash;
    }
  }
  return result;
}

void write_skipped(const std::vector<SkippedFile>& skipped, const std::filesystem::path& path) {
  write_atomically(path, [&skipped](std::ostream& out) {
    out << "path\treason\n";
    for (const SkippedFile& file : skipped)
      out << tsv_field(file.path) << '\t' << tsv_field(file.reason) << '\n';
  });
}

}  // namespace concertina
