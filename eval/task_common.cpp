#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/errors.h"
#include "eval/task.h"

namespace concertina {

at::Tensor eligible_layers(const at::Tensor& layers, const std::string& rule) {
  const int64_t count = layers.size(0);
  if (rule == "last") return layers.narrow(0, count - 1, 1);
  if (rule == "all" && count > 1) return layers.narrow(0, 1, count - 1).mean(0, true);
  return layers;
}

std::string layer_name(int64_t eligible, const std::string& rule) {
  if (rule == "last") return "last layer";
  if (rule == "all") return "mean of layers";
  return fmt::format("layer {}", eligible);
}

SpeakerClips pick_speakers(const Manifest& manifest, int64_t min_clips) {
  struct Seen {
    int64_t clips = 0;
    std::set<std::string> groups;
  };
  std::map<std::string, std::map<std::string, Seen>> sources;
  for (const Clip& clip : manifest.clips) {
    if (clip.speaker.empty() || clip.group.empty()) continue;
    Seen& seen = sources[clip.source][clip.speaker];
    ++seen.clips;
    seen.groups.insert(clip.group);
  }
  SpeakerClips best;
  for (const auto& [source, speakers] : sources) {
    SpeakerClips found{source, {}, {}};
    for (const auto& [speaker, seen] : speakers) {
      if (seen.clips >= min_clips && seen.groups.size() >= 2) found.speakers.push_back(speaker);
    }
    if (found.speakers.size() >= 2 && found.speakers.size() > best.speakers.size())
      best = std::move(found);
  }
  for (size_t i = 0; i < manifest.clips.size(); ++i) {
    const Clip& clip = manifest.clips[i];
    if (clip.source != best.source) continue;
    const auto place = std::ranges::lower_bound(best.speakers, clip.speaker);
    if (place == best.speakers.end() || *place != clip.speaker) continue;
    best.clips.emplace_back(static_cast<int64_t>(i), place - best.speakers.begin());
  }
  return best;
}

TaskScore score_of(const std::string& metric, const ClipHits& hits, std::string setting) {
  const Interval interval =
      bootstrap_hit_rate(hits.hits, hits.totals, Rng(0).fork("bootstrap " + metric));
  return {metric, 100 * hits.rate(), 100 * interval.low, 100 * interval.high, std::move(setting)};
}

}  // namespace concertina
