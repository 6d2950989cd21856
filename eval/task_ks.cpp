// Keyword spotting: the keyword that a clip is, among those of column `keyword`.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "eval/utterance_task.h"

namespace concertina {
namespace {

// Keywords with at least `min_clips` clips in train, sorted.
std::vector<std::string> learnt_keywords(const Manifest& manifest, int64_t min_clips) {
  std::map<std::string, int64_t> training;
  for (const Clip& clip : manifest.clips) {
    if (!clip.keyword.empty() && clip.split == Split::kTrain && clip.samples >= kShortestClip)
      ++training[clip.keyword];
  }
  std::vector<std::string> keywords;
  for (const auto& [keyword, clips] : training) {
    if (clips >= min_clips) keywords.push_back(keyword);
  }
  return keywords;
}

std::vector<ClipClass> clips_of(const Manifest& manifest,
                                const std::vector<std::string>& keywords) {
  std::vector<ClipClass> clips;
  for (size_t i = 0; i < manifest.clips.size(); ++i) {
    const std::string& keyword = manifest.clips[i].keyword;
    const auto place = std::ranges::lower_bound(keywords, keyword);
    if (place != keywords.end() && *place == keyword)
      clips.emplace_back(static_cast<int64_t>(i), place - keywords.begin());
  }
  return clips;
}

PreparedTask prepare_ks(const Manifest& manifest, const TaskOptions& options, Split split) {
  const bool labelled =
      std::ranges::any_of(manifest.clips, [](const Clip& clip) { return !clip.keyword.empty(); });
  if (!labelled) return {nullptr, "no clip has a keyword (column 'keyword')"};
  std::vector<std::string> keywords = learnt_keywords(manifest, options.ks_min_clips);
  if (keywords.size() < 2)
    return {nullptr, fmt::format("it needs two keywords with at least {} clips in split train, and "
                                 "there {} (columns 'keyword' and 'split', option ks_min_clips)",
                                 options.ks_min_clips, keywords.empty() ? "is none" : "is one")};
  return utterance_task(manifest,
                        {.task = "ks",
                         .column = "keyword",
                         .all = fmt::format("{} keywords", keywords.size()),
                         .names = keywords,
                         .clips = clips_of(manifest, keywords)},
                        options, split);
}

Facts ks_facts(const Manifest& manifest, const TaskOptions& options) {
  const std::string data = hash_of_clips(manifest, [](const Clip& clip) {
    if (clip.keyword.empty()) return std::string();
    return fmt::format("{}\t{}\t{}\t{}\t{}", audio_of(clip), clip.source, clip.speaker, clip.group,
                       clip.keyword);
  });
  return {{"data", data}, {"tasks.ks_min_clips", fmt::format("{}", options.ks_min_clips)}};
}

}  // namespace

const TaskKind kKeywordTask = {.name = "ks",
                               .labels = "keywords",
                               .prepare = prepare_ks,
                               .facts = ks_facts,
                               .test_facts = nullptr,
                               .same_text_leaks = false};

}  // namespace concertina
