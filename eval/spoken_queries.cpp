#include "eval/spoken_queries.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "core/hash.h"
#include "eval/folds.h"
#include "eval/task.h"
#include "eval/task_data.h"
#include "eval/words.h"

namespace concertina {
namespace {

constexpr int64_t kLeastDocuments = 100;  // at a fidelity below 1

struct SpokenClip {
  int64_t index = 0;  // into the manifest
  std::vector<std::string> words;
  std::string unit, hash;
};

std::string phrase_of(const std::vector<std::string>& words, size_t first, size_t count) {
  const auto begin = words.begin() + static_cast<int64_t>(first);
  return fmt::format("{}", fmt::join(begin, begin + static_cast<int64_t>(count), " "));
}

std::vector<SpokenClip> spoken_clips(const Manifest& manifest, const TaskOptions& options,
                                     Split split) {
  const double longest = options.clip_seconds > 0 ? options.clip_seconds * kTaskSampleRate : 1e18;
  std::vector<SpokenClip> clips;
  for (size_t i = 0; i < manifest.clips.size(); ++i) {
    const Clip& clip = manifest.clips[i];
    const bool says = !clip.keyword.empty() || !clip.text.empty();
    if (!says || clip.split != split || clip.samples < kShortestClip ||
        static_cast<double>(clip.samples) > longest)
      continue;
    std::vector<std::string> words = words_of(clip.text.empty() ? clip.keyword : clip.text);
    if (!words.empty())
      clips.push_back(
          {static_cast<int64_t>(i), std::move(words), fold_unit(clip), sha256(clip.id)});
  }
  return clips;
}

// Clips by each phrase of up to kMostQueryWords words that they hold.
using Holders = std::unordered_map<std::string, std::vector<size_t>>;

Holders holders_of(const std::vector<SpokenClip>& clips) {
  Holders holders;
  for (size_t i = 0; i < clips.size(); ++i) {
    const size_t words = clips[i].words.size();
    std::set<std::string> phrases;
    for (size_t count = 1; count <= std::min<size_t>(words, kMostQueryWords); ++count) {
      for (size_t first = 0; first + count <= words; ++first)
        phrases.insert(phrase_of(clips[i].words, first, count));
    }
    for (const std::string& phrase : phrases) holders[phrase].push_back(i);
  }
  return holders;
}

std::string whole_phrase(const SpokenClip& clip) {
  return phrase_of(clip.words, 0, clip.words.size());
}

std::vector<size_t> picked_queries(const std::vector<SpokenClip>& clips, const Holders& holders,
                                   int64_t most) {
  std::map<std::string, std::map<std::string, size_t>> phrases;  // clips by hash
  for (size_t i = 0; i < clips.size(); ++i) {
    if (std::ssize(clips[i].words) > kMostQueryWords) continue;
    const std::string phrase = whole_phrase(clips[i]);
    const bool held = std::ranges::any_of(
        holders.at(phrase), [&](size_t other) { return clips[other].unit != clips[i].unit; });
    if (held) phrases[phrase].emplace(clips[i].hash, i);
  }
  std::vector<std::pair<std::pair<int64_t, std::string>, size_t>> order;
  for (const auto& [phrase, members] : phrases) {
    int64_t rank = 0;
    for (const auto& [hash, clip] : members) order.push_back({{rank++, hash}, clip});
  }
  std::ranges::sort(order);
  std::vector<size_t> queries;
  for (const auto& [place, clip] : order) {
    if (std::ssize(queries) < most) queries.push_back(clip);
  }
  return queries;
}

// In the order in which they are taken.
std::vector<size_t> picked_documents(const std::vector<SpokenClip>& clips, const Holders& holders,
                                     const std::vector<size_t>& queries, int64_t most) {
  std::set<size_t> holding;
  for (const size_t query : queries) {
    const std::vector<size_t>& own = holders.at(whole_phrase(clips[query]));
    holding.insert(own.begin(), own.end());
  }
  std::vector<std::pair<std::pair<bool, std::string>, size_t>> order;
  for (size_t i = 0; i < clips.size(); ++i)
    order.push_back({{!holding.contains(i), clips[i].hash}, i});
  std::ranges::sort(order);
  std::vector<size_t> documents;
  for (const auto& [place, clip] : order) {
    if (std::ssize(documents) < most) documents.push_back(clip);
  }
  return documents;
}

// The first documents, and the queries that one of another group among them holds. So those of a lower
// fidelity are among those of a higher one.
void thin(std::vector<size_t>& documents, std::vector<size_t>& queries,
          const std::vector<SpokenClip>& clips, const Holders& holders, double fidelity) {
  documents.resize(
      static_cast<size_t>(count_at_share(std::ssize(documents), fidelity, kLeastDocuments)));
  const std::set<size_t> kept(documents.begin(), documents.end());
  std::erase_if(queries, [&](size_t query) {
    return std::ranges::none_of(holders.at(whole_phrase(clips[query])), [&](size_t clip) {
      return kept.contains(clip) && clips[clip].unit != clips[query].unit;
    });
  });
}

}  // namespace

QuerySet pick_queries(const Manifest& manifest, const TaskOptions& options, Split split,
                      int64_t most_queries, int64_t most_documents) {
  const std::vector<SpokenClip> clips = spoken_clips(manifest, options, split);
  const Holders holders = holders_of(clips);
  std::vector<size_t> queries = picked_queries(clips, holders, most_queries);
  if (queries.empty()) return {};
  std::vector<size_t> documents = picked_documents(clips, holders, queries, most_documents);
  if (options.fidelity < 1) thin(documents, queries, clips, holders, options.fidelity);
  std::ranges::sort(documents);
  QuerySet set;
  for (const size_t document : documents) set.documents.push_back(clips[document].index);
  for (const size_t query : queries) {
    set.queries.push_back(clips[query].index);
    const std::vector<size_t>& holding = holders.at(whole_phrase(clips[query]));  // ascending
    auto& searches = set.searches.emplace_back();
    for (size_t d = 0; d < documents.size(); ++d) {
      if (clips[documents[d]].unit == clips[query].unit) continue;
      searches.push_back(
          {static_cast<int64_t>(d), std::ranges::binary_search(holding, documents[d])});
    }
  }
  return set;
}

}  // namespace concertina
