#include "eval/task_audio.h"

#include <algorithm>
#include <utility>

#include "eval/task.h"
#include "speech/audio.h"

namespace concertina {
namespace {

constexpr float kFullScale = 32768;

int64_t encoded_samples(const Clip& clip, double clip_seconds) {
  if (clip_seconds <= 0) return clip.samples;
  const auto longest = static_cast<int64_t>(clip_seconds * kTaskSampleRate);
  return std::min(clip.samples, std::max(longest, kShortestClip));
}

std::vector<float> read_file(const std::filesystem::path& path, int64_t length) {
  std::vector<float> samples(static_cast<size_t>(length));
  read_wav_segment(path, 0, samples);
  return samples;
}

}  // namespace

TaskAudio::TaskAudio(const Manifest& manifest, std::span<const int64_t> clips,
                     std::map<int64_t, Mixture> mixtures, double clip_seconds, int64_t bytes,
                     const StopToken& stop)
    : mixtures_(std::move(mixtures)), left_(bytes / static_cast<int64_t>(sizeof(int16_t))) {
  for (const int64_t index : clips) {
    stop.throw_if_interrupted("nothing was scored");
    Entry& entry = entry_of(manifest, index, clip_seconds);
    const auto mixture = mixtures_.find(index);
    if (mixture == mixtures_.end()) {
      keep(entry, entry.length);
      continue;
    }
    for (const int64_t part : {mixture->second.first, mixture->second.second}) {
      Entry& of_part = entry_of(manifest, part, clip_seconds);
      keep(of_part, of_part.whole);
    }
  }
}

TaskAudio::Entry& TaskAudio::entry_of(const Manifest& manifest, int64_t clip, double clip_seconds) {
  const auto [place, fresh] = clips_.try_emplace(clip);
  if (fresh) {
    const Clip& row = manifest.clips[static_cast<size_t>(clip)];
    place->second = {manifest.audio_path(row), encoded_samples(row, clip_seconds), row.samples, {}};
  }
  return place->second;
}

void TaskAudio::keep(Entry& entry, int64_t samples) {
  if (std::ssize(entry.samples) >= samples) return;
  left_ -= samples - std::ssize(entry.samples);
  if (left_ >= 0) entry.samples = to_int16(read_file(entry.path, samples));
}

std::vector<float> TaskAudio::read(const Entry& entry, int64_t samples) const {
  if (std::ssize(entry.samples) < samples) return read_file(entry.path, samples);
  std::vector<float> read(static_cast<size_t>(samples));
  std::ranges::transform(std::span(entry.samples).first(read.size()), read.begin(),
                         [](int16_t value) { return static_cast<float>(value) / kFullScale; });
  return read;
}

std::vector<float> TaskAudio::read(int64_t clip) const {
  const Entry& entry = clips_.at(clip);
  const auto found = mixtures_.find(clip);
  if (found == mixtures_.end()) return read(entry, entry.length);
  const Mixture& mixture = found->second;
  const Entry &first = clips_.at(mixture.first), &second = clips_.at(mixture.second);
  std::vector<float> samples = mixed(mixture, read(first, first.whole), read(second, second.whole));
  samples.resize(static_cast<size_t>(entry.length));
  return samples;
}

}  // namespace concertina
