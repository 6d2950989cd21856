#include "eval/column_task.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

namespace concertina {
namespace {

// Labels with enough clips in train, sorted.
std::vector<std::string> learnt_labels(const Manifest& manifest, const ClassColumn& column) {
  std::map<std::string, int64_t> training;
  for (const Clip& clip : manifest.clips) {
    const std::string& label = clip.*column.labels;
    if (!label.empty() && clip.split == Split::kTrain && clip.samples >= kShortestClip)
      ++training[label];
  }
  std::vector<std::string> labels;
  for (const auto& [label, clips] : training) {
    if (clips >= column.min_clips) labels.push_back(label);
  }
  return labels;
}

std::vector<ClipClass> clips_with(const Manifest& manifest, const ClassColumn& column,
                                  const std::vector<std::string>& labels) {
  std::vector<ClipClass> clips;
  for (size_t i = 0; i < manifest.clips.size(); ++i) {
    const std::string& label = manifest.clips[i].*column.labels;
    const auto place = std::ranges::lower_bound(labels, label);
    if (place != labels.end() && *place == label)
      clips.emplace_back(static_cast<int64_t>(i), place - labels.begin());
  }
  return clips;
}

std::string too_few_labels(const ClassColumn& column, size_t count) {
  const std::string option =
      column.min_option.empty() ? "" : fmt::format(", option {}", column.min_option);
  return fmt::format(
      "it needs two {0}s with at least {1} clip{2} in split train, and there {3} (columns '{0}' "
      "and "
      "'split'{4})",
      column.name, column.min_clips, column.min_clips == 1 ? "" : "s",
      count == 0 ? "is none" : "is one", option);
}

}  // namespace

PreparedTask column_task(const Manifest& manifest, const ClassColumn& column,
                         const TaskOptions& options, Split split) {
  const bool labelled = std::ranges::any_of(
      manifest.clips, [&](const Clip& clip) { return !(clip.*column.labels).empty(); });
  if (!labelled)
    return {nullptr,
            fmt::format("no clip has {0} {1} (column '{1}')", column.article, column.name)};
  std::vector<std::string> labels = learnt_labels(manifest, column);
  if (labels.size() < 2) return {nullptr, too_few_labels(column, labels.size())};
  return utterance_task(manifest,
                        {.task = column.task,
                         .column = column.name,
                         .all = fmt::format("{} {}s", labels.size(), column.name),
                         .names = labels,
                         .clips = clips_with(manifest, column, labels)},
                        options, split);
}

Facts column_facts(const Manifest& manifest, const ClassColumn& column) {
  Facts facts = {{"data", hash_of_clips(manifest, [&](const Clip& clip) {
                    const std::string& label = clip.*column.labels;
                    if (label.empty()) return std::string();
                    return fmt::format("{}\t{}\t{}\t{}\t{}", audio_of(clip), clip.source,
                                       clip.speaker, clip.group, label);
                  })}};
  if (!column.min_option.empty())
    facts["tasks." + column.min_option] = fmt::format("{}", column.min_clips);
  return facts;
}

}  // namespace concertina
