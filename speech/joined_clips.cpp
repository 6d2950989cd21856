#include "speech/joined_clips.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/errors.h"
#include "speech/audio.h"

namespace concertina {
namespace {

using Weights = std::map<std::string, double>;

// The longest key that `source` starts with, or end().
Weights::const_iterator key_of(const Weights& weights, const std::string& source) {
  auto best = weights.end();
  for (auto it = weights.begin(); it != weights.end(); ++it) {
    if (source.starts_with(it->first) &&
        (best == weights.end() || it->first.size() > best->first.size()))
      best = it;
  }
  return best;
}

void check_weights(const Weights& weights, const std::set<std::string>& sources) {
  const std::vector<std::string> names(sources.begin(), sources.end());
  for (const auto& [key, weight] : weights) {
    if (!(weight >= 0) || weight > 1e6)
      throw InputError(
          fmt::format("source weight '{}': {} is not a weight of 0 or more", key, weight));
    const bool used = std::any_of(names.begin(), names.end(),
                                  [&](const auto& name) { return name.starts_with(key); });
    if (!used) {
      throw InputError(fmt::format("source weight '{}' matches no source of the manifest ({}){}",
                                   key, fmt::join(names, ", "), did_you_mean(key, names)));
    }
  }
}

}  // namespace

JoinedClips::JoinedClips(Manifest manifest, Split split, int32_t frame_samples,
                         std::map<std::string, double> source_weight)
    : manifest_(std::move(manifest)), frame_samples_(frame_samples) {
  CONCERTINA_ASSERT(frame_samples > 0);
  std::set<std::string> sources;
  for (const Clip& clip : manifest_.clips) sources.insert(clip.source);
  check_weights(source_weight, sources);

  std::map<std::string, std::vector<int64_t>> clips_of;
  for (size_t i = 0; i < manifest_.clips.size(); ++i) {
    if (manifest_.clips[i].split == split)
      clips_of[manifest_.clips[i].source].push_back(static_cast<int64_t>(i));
  }
  for (const auto& [source, indices] : clips_of) {
    const auto key = key_of(source_weight, source);
    const double weight = key == source_weight.end() ? 1.0 : key->second;
    if (weight == 0) continue;
    const int64_t first = total_frames_;
    for (const int64_t index : indices) {
      const int64_t frames = manifest_.clips[static_cast<size_t>(index)].samples / frame_samples;
      if (frames > 0) spans_.push_back({index, total_frames_, frames, weight});
      total_frames_ += frames;
    }
    if (total_frames_ > first) streams_.push_back({first, total_frames_ - first, weight});
  }
  if (streams_.empty()) {
    throw InputError(fmt::format(
        "{}: no {} clips to read: the manifest has none, or their sources have weight 0",
        manifest_.folder.string(), split_name(split)));
  }
}

int64_t JoinedClips::longest_stream() const {
  const auto longest =
      std::max_element(streams_.begin(), streams_.end(),
                       [](const Stream& a, const Stream& b) { return a.frames < b.frames; });
  return longest->frames;
}

int64_t JoinedClips::draw(int64_t frames, Rng& rng) const {
  CONCERTINA_ASSERT(frames > 0);
  double total = 0;
  for (const Stream& stream : streams_) {
    if (stream.frames >= frames) total += stream.weight * static_cast<double>(stream.frames);
  }
  if (total == 0)
    throw InputError(fmt::format("{}: no source is {} frames long, the length of a crop",
                                 manifest_.folder.string(), frames));
  double at = rng.uniform() * total;
  const Stream* chosen = nullptr;
  for (const Stream& stream : streams_) {
    if (stream.frames < frames) continue;
    chosen = &stream;
    at -= stream.weight * static_cast<double>(stream.frames);
    if (at < 0) break;
  }
  CONCERTINA_ASSERT(chosen != nullptr);  // the total is of those that are long enough
  return chosen->first_frame + rng.below(chosen->frames - frames + 1);
}

void JoinedClips::read(int64_t first_frame, std::span<float> out) const {
  const auto size = static_cast<int64_t>(out.size());
  CONCERTINA_ASSERT(size % frame_samples_ == 0 && first_frame >= 0);
  CONCERTINA_ASSERT(first_frame + size / frame_samples_ <= total_frames_);
  auto span =
      std::upper_bound(spans_.begin(), spans_.end(), first_frame,
                       [](int64_t frame, const ClipSpan& s) { return frame < s.first_frame; });
  int64_t frame = first_frame;
  for (int64_t done = 0; done < size; ++span) {
    const ClipSpan& from = *std::prev(span);
    const int64_t skip = (frame - from.first_frame) * frame_samples_;
    const int64_t count = std::min(from.frames * frame_samples_ - skip, size - done);
    const Clip& clip = manifest_.clips[static_cast<size_t>(from.clip)];
    read_wav_segment(manifest_.audio_path(clip), skip,
                     out.subspan(static_cast<size_t>(done), static_cast<size_t>(count)));
    done += count;
    frame += count / frame_samples_;
  }
}

}  // namespace concertina
