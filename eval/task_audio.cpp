#include "eval/task_audio.h"

#include <algorithm>

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

TaskAudio::TaskAudio(const Manifest& manifest, std::span<const int64_t> clips, double clip_seconds,
                     int64_t bytes, const StopToken& stop) {
  int64_t left = bytes / static_cast<int64_t>(sizeof(int16_t));
  for (const int64_t index : clips) {
    stop.throw_if_interrupted("nothing was scored");
    const Clip& clip = manifest.clips[static_cast<size_t>(index)];
    Entry& entry = clips_[index];
    entry.path = manifest.audio_path(clip);
    entry.length = encoded_samples(clip, clip_seconds);
    left -= entry.length;
    if (left >= 0) entry.samples = to_int16(read_file(entry.path, entry.length));
  }
}

std::vector<float> TaskAudio::read(int64_t clip) const {
  const Entry& entry = clips_.at(clip);
  if (entry.samples.empty()) return read_file(entry.path, entry.length);
  std::vector<float> samples(entry.samples.size());
  std::ranges::transform(entry.samples, samples.begin(),
                         [](int16_t value) { return static_cast<float>(value) / kFullScale; });
  return samples;
}

}  // namespace concertina
