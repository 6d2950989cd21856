#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "core/errors.h"
#include "core/files.h"
#include "speech/collect.h"
#include "speech/corpus.h"
#include "speech/scan/found_clips.h"
#include "speech/splits.h"
#include "speech/trim.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;

constexpr size_t kManySpeakers = 10;  // from here on dev and test have speakers of their own

FoundClips find_in(const fs::path& input, const fs::path& converted) {
  if (!fs::exists(input)) throw SystemError(input.string() + ": no such file or folder");
  const fs::path from = fs::canonical(input);
  if (fs::is_directory(from)) return find_in_folder(from, converted);
  if (from.extension() == ".tar") return find_in_tar(from.parent_path(), from.stem());
  if (from.extension() == ".tsv") return find_in_fairseq_manifest(from);
  throw InputError(input.string() +
                   ": expected a folder of audio, a tar shard (.tar) or a fairseq manifest (.tsv)");
}

bool has_control_character(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 32; });
}

// With several inputs each has a folder of its own in the ids; shards always have.
FoundClips find_all(const ScanOptions& options, const fs::path& converted) {
  FoundClips all;
  for (const fs::path& input : options.inputs) {
    FoundClips found = find_in(input, converted);
    std::move(found.skipped.begin(), found.skipped.end(), std::back_inserter(all.skipped));
    for (FoundClip& clip : found.clips) {
      if (has_control_character(clip.raw.origin)) {
        all.skipped.push_back({clip.raw.origin, "a tab or line break in its name"});
        continue;
      }
      if (options.inputs.size() > 1 && input.extension() != ".tar") {
        clip.raw.clip.id =
            fmt::format("{}/{}", fs::canonical(input).stem().string(), clip.raw.clip.id);
      }
      all.clips.push_back(std::move(clip));
    }
  }
  return all;
}

// Clips that differ only in their extension keep it in their ids; ids that are still equal get a
// number.
void make_unique_ids(std::vector<FoundClip>& clips) {
  std::map<std::string, int64_t> count;
  for (const FoundClip& clip : clips) ++count[clip.raw.clip.id];
  std::set<std::string> taken;
  for (FoundClip& clip : clips) {
    std::string& id = clip.raw.clip.id;
    if (count[id] > 1) id += clip.extension;
    const std::string wanted = id;
    for (int64_t n = 2; !taken.insert(id).second; ++n) id = fmt::format("{}-{}", wanted, n);
  }
}

bool is_ready(const fs::path& file) {
  try {
    const auto layout = wav_layout(file);
    return layout && layout->sample_rate == kClipSampleRate;
  } catch (const SystemError&) {
    return false;
  }
}

Audio read_ready(const fs::path& file) {
  auto samples = read_wav(file);
  if (!samples || samples->empty()) throw InputError(file.string() + ": holds no samples");
  return {.samples = std::move(*samples)};
}

Audio trimmed(Audio audio, double top_db) {
  const SampleRange part = sounding_part(audio.samples, top_db);
  if (part.begin == part.end) throw InputError("nothing but silence");
  audio.samples.resize(static_cast<size_t>(part.end));
  audio.samples.erase(audio.samples.begin(), audio.samples.begin() + part.begin);
  return audio;
}

void place(FoundClip& found, const fs::path& manifest_folder, const std::string& converted,
           double trim_silence) {
  RawClip& raw = found.raw;
  raw.stored = trim_silence == 0 && !found.file.empty() && is_ready(found.file);
  raw.clip.split = found.split.value_or(Split::kTrain);
  raw.clip.path = raw.stored ? found.file.lexically_relative(manifest_folder).generic_string()
                             : fmt::format("{}/{}.wav", converted, raw.clip.id);
  if (raw.stored) raw.decode = [file = found.file] { return read_ready(file); };
  if (trim_silence > 0) {
    raw.decode = [whole = raw.decode, trim_silence] { return trimmed(whole(), trim_silence); };
  }
}

// Splits for the clips whose names give none: by speaker where there are many, else by group.
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

}  // namespace

CorpusReport scan_corpus(const ScanOptions& options, const StopToken& stop) {
  const fs::path home = fs::weakly_canonical(fs::absolute(options.manifest)).parent_path();
  const std::string stem = options.manifest.stem().string();
  const std::string converted = stem + ".audio";
  FoundClips found = find_all(options, home / converted);
  make_directories(home);
  make_unique_ids(found.clips);

  RawClips raw;
  raw.skipped = std::move(found.skipped);
  std::set<std::string> has_split;
  for (FoundClip& clip : found.clips) {
    place(clip, home, converted, options.trim_silence);
    if (clip.split) has_split.insert(clip.raw.clip.id);
    raw.clips.push_back(std::move(clip.raw));
  }
  CollectedClips collected = collect_clips(raw, home, stop);
  split_rest(collected.clips, has_split);
  write_skipped(collected.skipped, home / (stem + ".skipped.tsv"));
  if (collected.clips.empty()) {
    throw InputError(fmt::format("{}: no clip could be read ({} files skipped, see {}.skipped.tsv)",
                                 options.inputs.front().string(), collected.skipped.size(), stem));
  }
  const Manifest result{home, std::move(collected.clips)};
  write_manifest(result, options.manifest);
  return {options.manifest,
          static_cast<int64_t>(result.clips.size()),
          collected.duplicates,
          result.minutes(),
          std::move(collected.skipped),
          {},
          false};
}

}  // namespace concertina
