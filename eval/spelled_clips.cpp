#include "eval/spelled_clips.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "eval/folds.h"
#include "eval/task_data.h"

namespace concertina {

int64_t SpelledData::class_of(char32_t symbol) const {
  return static_cast<int64_t>(symbols.find(symbol) + 1);  // npos + 1 is 0
}

std::u32string SpelledData::text_of(std::span<const int64_t> classes) const {
  std::u32string text;
  for (const int64_t each : classes) text.push_back(symbols.at(static_cast<size_t>(each - 1)));
  return text;
}

SpelledData spelled_data(const Manifest& manifest, const std::vector<SpelledClip>& clips,
                         const TaskOptions& options, Split split, const std::string& column) {
  const double longest = options.clip_seconds > 0 ? options.clip_seconds * kTaskSampleRate : 1e18;
  std::vector<ClipClass> training, scored;
  std::map<int64_t, const std::u32string*> texts;
  for (const auto& [index, text] : clips) {
    const Clip& clip = manifest.clips[static_cast<size_t>(index)];
    if (text.empty() || clip.samples < kShortestClip || static_cast<double>(clip.samples) > longest)
      continue;
    if (clip.split == Split::kTrain) training.emplace_back(index, 0);
    if (clip.split == split) scored.emplace_back(index, 0);
    texts[index] = &text;
  }
  SpelledData data;
  for (const auto& [part, of] : {std::pair(&training, Split::kTrain), std::pair(&scored, split)}) {
    if (part->empty())
      data.missing = fmt::format("no clip of split {} has {} (columns '{}' and 'split')",
                                 split_name(of), column == "text" ? "a text" : column, column);
  }
  if (!data.missing.empty()) return data;
  training = clips_at_fidelity(manifest, training, options.fidelity, kLeastPhoneTraining);
  scored = clips_at_fidelity(manifest, scored, options.fidelity, kLeastPhoneScored);

  std::set<char32_t> known, others;
  std::vector<int64_t> indices;
  for (const auto& [index, same] : training) {
    known.insert(texts.at(index)->begin(), texts.at(index)->end());
    indices.push_back(index);
  }
  for (const auto& [index, same] : scored)
    others.insert(texts.at(index)->begin(), texts.at(index)->end());
  for (const char32_t symbol : known) others.erase(symbol);
  data.symbols.assign(known.begin(), known.end());
  data.symbols.append(others.begin(), others.end());
  data.sequences.symbols = std::ssize(known);
  const auto classes = [&](int64_t index) {
    std::vector<int64_t> all;
    for (const char32_t symbol : *texts.at(index)) all.push_back(data.class_of(symbol));
    return all;
  };
  const std::vector<int32_t> folds = deal_folds(manifest, indices);
  for (size_t i = 0; i < indices.size(); ++i)
    data.sequences.clips[indices[i]] = {true, folds[i], classes(indices[i])};
  for (const auto& [index, same] : scored) data.sequences.clips[index] = {false, 0, classes(index)};
  return data;
}

}  // namespace concertina
