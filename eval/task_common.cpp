#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/errors.h"
#include "eval/task.h"

namespace concertina {

at::Tensor eligible_layers(const at::Tensor& layers, LayerRule rule) {
  const int64_t count = layers.size(0);
  if (rule == LayerRule::kLast) return layers.narrow(0, count - 1, 1);
  if (rule == LayerRule::kAll && count > 1) return layers.narrow(0, 1, count - 1).mean(0, true);
  return layers;
}

std::string layer_name(int64_t eligible, LayerRule rule) {
  if (rule == LayerRule::kLast) return "last layer";
  if (rule == LayerRule::kAll) return "mean of layers";
  return fmt::format("layer {}", eligible);
}

namespace {

struct Seen {
  int64_t clips = 0;
  std::set<std::string> groups;
  bool enough(int64_t min_clips) const { return clips >= min_clips && groups.size() >= 2; }
};
using Speakers = std::map<std::string, Seen>;

std::string why_too_few_speakers(const Manifest& manifest, int64_t min_clips,
                                 const std::string& source) {
  const auto named = [&](auto member) {
    return std::ranges::any_of(manifest.clips,
                               [&](const Clip& clip) { return !(clip.*member).empty(); });
  };
  if (!named(&Clip::speaker)) return "no clip names its speaker (column 'speaker')";
  if (!named(&Clip::group))
    return "no clip names its group, such as a dialogue or a session (column 'group')";
  const std::string has =
      source.empty() ? "none has one" : fmt::format("the most that one has is 1, in '{}'", source);
  return fmt::format(
      "it needs a source with two speakers of at least {} clips in two groups each, and {} "
      "(columns "
      "'speaker', 'group' and 'source', option sid_min_clips)",
      min_clips, has);
}

}  // namespace

SpeakerClips pick_speakers(const Manifest& manifest, int64_t min_clips) {
  std::map<std::string, Speakers> sources;
  for (const Clip& clip : manifest.clips) {
    if (clip.speaker.empty() || clip.group.empty()) continue;
    Seen& seen = sources[clip.source][clip.speaker];
    ++seen.clips;
    seen.groups.insert(clip.group);
  }
  SpeakerClips best;
  for (const auto& [source, speakers] : sources) {
    SpeakerClips found{source, {}, {}, {}};
    for (const auto& [speaker, seen] : speakers) {
      if (seen.enough(min_clips)) found.speakers.push_back(speaker);
    }
    if (found.speakers.size() > best.speakers.size()) best = std::move(found);
  }
  if (best.speakers.size() < 2)
    return {"", {}, {}, why_too_few_speakers(manifest, min_clips, best.source)};
  for (size_t i = 0; i < manifest.clips.size(); ++i) {
    const Clip& clip = manifest.clips[i];
    if (clip.source != best.source) continue;
    const auto place = std::ranges::lower_bound(best.speakers, clip.speaker);
    if (place == best.speakers.end() || *place != clip.speaker) continue;
    best.clips.emplace_back(static_cast<int64_t>(i), place - best.speakers.begin());
  }
  return best;
}

TaskScore score_of(const std::string& metric, const ClipHits& hits, std::string setting,
                   Intervals intervals) {
  TaskScore score{.metric = metric, .value = 100 * hits.rate(), .setting = std::move(setting)};
  score.hits = hits.hits;
  score.totals = hits.totals;
  if (intervals == Intervals::kBootstrap) {
    const Interval interval =
        bootstrap_hit_rate(hits.hits, hits.totals, Rng(0).fork("bootstrap " + metric));
    score.low = 100 * interval.low;
    score.high = 100 * interval.high;
  }
  return score;
}

TaskScore score_of(const std::string& metric, const ClipHits& hits, const ChosenProbe& probe,
                   LayerRule rule, Intervals intervals) {
  TaskScore score = score_of(metric, hits, probe.setting(layer_name(probe.layer, rule)), intervals);
  for (const double accuracy : probe.accuracies) score.layers.push_back(100 * accuracy);
  return score;
}

Facts speaker_facts(const Manifest& manifest, const TaskOptions& options) {
  const std::string data = hash_of_clips(manifest, [](const Clip& clip) {
    if (clip.speaker.empty() || clip.group.empty()) return std::string();
    return fmt::format("{}\t{}\t{}\t{}", audio_of(clip), clip.source, clip.speaker, clip.group);
  });
  return {{"data", data}, {"tasks.sid_min_clips", fmt::format("{}", options.sid_min_clips)}};
}

}  // namespace concertina
