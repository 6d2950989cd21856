#include "speech/synthesis/synthesize.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "core/errors.h"
#include "core/files.h"
#include "core/progress.h"
#include "core/scratch_folder.h"
#include "core/threads.h"
#include "speech/corpus_root.h"
#include "speech/phones.h"
#include "speech/process.h"
#include "speech/synthesis/engines.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;

// Changes with the texts, the voices and what is made of them.
constexpr const char* kSpeechFormat = "1";
constexpr const char* kSynthetic = "synthetic";
constexpr int64_t kFestivalClips = 60;  // of one process

// Where festival has put the clip with an index: FOLDER/I.wav, FOLDER/I.lab.
using FestivalFiles = std::map<size_t, fs::path>;  // without extension

std::string source_of(SpeechEngine engine) {
  switch (engine) {
    case SpeechEngine::kFlite:
      return "synthetic-flite";
    case SpeechEngine::kFestival:
      return "synthetic-festival";
    case SpeechEngine::kEspeak:
      return "synthetic-espeak-ng";
  }
  CONCERTINA_ASSERT(false);
  return "";
}

Clip row_of(const SyntheticClip& from) {
  Clip clip;
  clip.id = from.id();
  clip.path = fmt::format("audio/{}.wav", clip.id);
  clip.speaker = from.voice->speaker;
  clip.language = "en";
  clip.keyword = from.text.keyword;
  // A keyword is in all splits, and as a text it would be known from train.
  if (clip.keyword.empty()) clip.text = from.text.words;
  clip.intent = from.text.intent;
  clip.slots = from.text.slots;
  clip.source = source_of(from.voice->engine);
  clip.group = from.group();
  clip.split = from.text.split;
  if (from.has_phones()) clip.phones = fmt::format("phones/{}.lab", clip.id);
  return clip;
}

FestivalFiles speak_festival_clips(std::span<const SyntheticClip> clips, const fs::path& folder,
                                   const StopToken& stop) {
  std::vector<size_t> indices;
  for (size_t i = 0; i < clips.size(); ++i) {
    if (clips[i].voice->engine == SpeechEngine::kFestival) indices.push_back(i);
  }
  const auto count = static_cast<int64_t>(indices.size());
  FestivalFiles files;
  for (int64_t i = 0; i < count; ++i) {
    const auto part = fmt::format("festival-{}/{}", i / kFestivalClips, i % kFestivalClips);
    files[indices[static_cast<size_t>(i)]] = folder / part;
  }
  if (count == 0) return files;
  Progress progress("synthesize with festival", count);
  parallel_for((count + kFestivalClips - 1) / kFestivalClips, [&](int64_t part) {
    if (stop.stop_requested()) return;
    std::vector<SyntheticClip> said;
    for (int64_t i = part * kFestivalClips; i < std::min(count, (part + 1) * kFestivalClips); ++i)
      said.push_back(clips[indices[static_cast<size_t>(i)]]);
    const fs::path into = folder / fmt::format("festival-{}", part);
    make_directories(into);
    speak_with_festival(said, into, stop);
    progress.advance(static_cast<int64_t>(said.size()));
  });
  check_stop(stop, "no manifest was written; run the same command again");
  return files;
}

// The clip's audio; its phones are written to `labels` unless that is empty.
Audio say(const SyntheticClip& clip, const fs::path& wav, const fs::path& labels,
          const StopToken& stop) {
  const bool festival = clip.voice->engine == SpeechEngine::kFestival;
  std::vector<PhoneSegment> segments;
  if (!festival) segments = speak(clip, wav, stop);
  Audio audio = read_audio(wav);
  fs::remove(wav);
  if (labels.empty()) return audio;
  if (festival) segments = read_phones(fs::path(wav).replace_extension(".lab"));
  const double seconds = static_cast<double>(audio.samples.size()) / kClipSampleRate;
  write_phones(labels, plain_phones(segments, clip.voice->engine, seconds));
  return audio;
}

void make_label_folders(const RawClips& raw, const fs::path& root) {
  std::set<fs::path> folders;
  for (const RawClip& clip : raw.clips) {
    if (!clip.clip.phones.empty()) folders.insert((root / clip.clip.phones).parent_path());
  }
  for (const fs::path& folder : folders) make_directories(folder);
}

}  // namespace

CollectedClips synthesize_clips(std::span<const SyntheticClip> clips, const fs::path& root,
                                const StopToken& stop) {
  const ScratchFolder scratch(fs::absolute(root) / "spoken");
  const FestivalFiles festival = speak_festival_clips(clips, scratch.path(), stop);
  RawClips raw;
  for (size_t i = 0; i < clips.size(); ++i) {
    const auto spoken = festival.find(i);
    fs::path wav = spoken == festival.end() ? scratch.path() / std::to_string(i) : spoken->second;
    wav += ".wav";
    RawClip& clip = raw.clips.emplace_back();
    clip.clip = row_of(clips[i]);
    const fs::path labels = clip.clip.phones.empty() ? fs::path() : root / clip.clip.phones;
    clip.decode = [&clips, &stop, i, wav, labels] { return say(clips[i], wav, labels, stop); };
  }
  make_label_folders(raw, root);
  CollectedClips collected = collect_clips(raw, root, stop, "synthesize clips");
  if (!collected.skipped.empty()) {
    throw SystemError(
        fmt::format("{}: {}", collected.skipped[0].path, collected.skipped[0].reason));
  }
  return collected;
}

CorpusReport synthesize_corpus(const fs::path& root, const StopToken& stop) {
  const CorpusRoot corpus{root, kSynthetic, kSpeechFormat};
  if (auto report = corpus.finished()) return *std::move(report);
  auto packages = installed_engines(stop);
  corpus.begin();
  return corpus.finish(std::move(packages), synthesize_clips(synthetic_clips(), root, stop));
}

}  // namespace concertina
