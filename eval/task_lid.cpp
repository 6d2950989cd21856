// Language identification. Where each language has a source of its own, the recordings alone tell
// languages apart: a scored clip counts if its source is not in train, or has several languages.
#include <algorithm>
#include <map>
#include <set>

#include "eval/column_task.h"

namespace concertina {
namespace {

const ClassColumn& language_column() {
  static const ClassColumn column = {.task = "lid",
                                     .name = "language",
                                     .article = "a",
                                     .labels = &Clip::language,
                                     .min_option = ""};
  return column;
}

// Without the labels of scored clips whose source gives them away.
Manifest without_telling_sources(Manifest manifest) {
  std::map<std::string, std::set<std::string>> languages;  // by source
  std::set<std::string> training;                          // sources
  for (const Clip& clip : manifest.clips) {
    if (clip.language.empty()) continue;
    languages[clip.source].insert(clip.language);
    if (clip.split == Split::kTrain) training.insert(clip.source);
  }
  for (Clip& clip : manifest.clips) {
    if (clip.split != Split::kTrain && languages[clip.source].size() == 1 &&
        training.contains(clip.source))
      clip.language.clear();
  }
  return manifest;
}

PreparedTask prepare_lid(const Manifest& manifest, const TaskOptions& options, Split split) {
  const auto counts = [&](const Manifest& clips) {
    return std::ranges::any_of(clips.clips, [&](const Clip& clip) {
      return clip.split == split && !clip.language.empty();
    });
  };
  const Manifest kept = without_telling_sources(manifest);
  if (counts(manifest) && !counts(kept))
    return {nullptr,
            "every source of the scored split is in train with the same one language, so that the "
            "recordings tell languages apart (columns 'language', 'source' and 'split')"};
  return column_task(kept, language_column(), options, split);
}

Facts lid_facts(const Manifest& manifest, const TaskOptions&) {
  return column_facts(manifest, language_column());
}

}  // namespace

const TaskKind kLanguageTask = {.name = "lid",
                                .labels = "languages, from several sources each",
                                .prepare = prepare_lid,
                                .facts = lid_facts,
                                .test_facts = nullptr,
                                .same_text_leaks = false,
                                .fidelity_version = kFidelityVersion};

}  // namespace concertina
