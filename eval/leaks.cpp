#include "eval/leaks.h"

#include <fmt/format.h>

#include <array>
#include <map>
#include <utility>

namespace concertina {
namespace {

// Equal keys are a leak; "" where the clip has none.
std::string key_of(const Manifest& manifest, const Clip& clip, LeakKind kind) {
  const auto in_source = [&](const std::string& name) {
    return name.empty() ? "" : clip.source + "\t" + name;
  };
  switch (kind) {
    case LeakKind::kAudio:
      return clip.hash.empty() ? manifest.audio_path(clip).string() : clip.hash;
    case LeakKind::kGroup:
      return in_source(clip.group);
    case LeakKind::kSpeaker:
      return in_source(clip.speaker);
    case LeakKind::kText:
      return clip.text;
  }
  return "";
}

std::string value_of(const std::string& key) {
  const size_t tab = key.find('\t');
  return tab == std::string::npos ? key : key.substr(tab + 1);
}

void add_leaks(const Manifest& manifest, std::span<const int64_t> clips, LeakKind kind,
               std::vector<Leak>& leaks) {
  std::map<std::string, const Clip*> training;
  for (const int64_t index : clips) {
    const Clip& clip = manifest.clips[static_cast<size_t>(index)];
    if (clip.split == Split::kTrain) training.emplace(key_of(manifest, clip, kind), &clip);
  }
  std::map<std::pair<Split, std::string>, Leak> found;
  for (const int64_t index : clips) {
    const Clip& clip = manifest.clips[static_cast<size_t>(index)];
    const std::string key = key_of(manifest, clip, kind);
    const auto same = training.find(key);
    if (clip.split == Split::kTrain || key.empty() || same == training.end()) continue;
    const Leak first{kind, value_of(key), same->second->id, clip.id, clip.split, 0};
    ++found.emplace(std::pair(clip.split, key), first).first->second.clips;
  }
  for (auto& [key, leak] : found) leaks.push_back(std::move(leak));
}

// "recording" and so on, for one or several.
std::string counted(size_t count, LeakKind kind) {
  constexpr std::array<const char*, 4> kNouns = {"recording", "group", "speaker", "transcript"};
  return fmt::format("{} {}{}", count, kNouns[static_cast<size_t>(kind)], count == 1 ? "" : "s");
}

}  // namespace

std::vector<Leak> find_leaks(const Manifest& manifest, std::span<const int64_t> clips,
                             std::span<const LeakKind> kinds) {
  std::vector<Leak> leaks;
  for (const LeakKind kind : kinds) add_leaks(manifest, clips, kind, leaks);
  return leaks;
}

std::vector<std::string> leak_sentences(std::span<const Leak> leaks) {
  std::map<std::pair<LeakKind, Split>, std::vector<const Leak*>> parts;
  for (const Leak& leak : leaks) parts[{leak.kind, leak.split}].push_back(&leak);
  std::vector<std::string> sentences;
  for (const auto& [part, members] : parts) {
    int64_t clips = 0;
    for (const Leak* leak : members) clips += leak->clips;
    const Leak& first = *members.front();
    sentences.push_back(
        fmt::format("{} of split {} {} in train too ({} clip{}): '{}' in '{}' and '{}'",
                    counted(members.size(), part.first), split_name(part.second),
                    members.size() == 1 ? "is" : "are", clips, clips == 1 ? "" : "s", first.value,
                    first.train, first.clip));
  }
  return sentences;
}

}  // namespace concertina
