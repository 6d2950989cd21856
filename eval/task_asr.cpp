// Speech recognition: the characters of a clip's words, recognised with CTC, without a language model.
// Clips whose words are a clip of train's, too, are not scored.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "eval/spelled_clips.h"
#include "eval/words.h"

namespace concertina {
namespace {

constexpr char32_t kSpace = U' ';

// The language most clips of train with a text are in.
std::string asr_language(const Manifest& manifest) {
  std::map<std::string, int64_t> clips;
  for (const Clip& clip : manifest.clips) {
    if (clip.split == Split::kTrain && !clip.text.empty()) ++clips[clip.language];
  }
  const auto most =
      std::ranges::max_element(clips, {}, [](const auto& each) { return each.second; });
  return most == clips.end() ? "" : most->first;
}

// Clips of one language with a text, in lower case without punctuation.
std::vector<SpelledClip> clips_with_words(const Manifest& manifest) {
  const std::string language = asr_language(manifest);
  std::vector<SpelledClip> clips;
  for (size_t i = 0; i < manifest.clips.size(); ++i) {
    const Clip& clip = manifest.clips[i];
    if (clip.language != language) continue;
    const std::string text = fmt::format("{}", fmt::join(words_of(clip.text), " "));
    if (!text.empty()) clips.push_back({static_cast<int64_t>(i), code_points(text)});
  }
  return clips;
}

// Whether any clip of `split` is left without those whose text train has.
bool leave_out_texts_of_train(const Manifest& manifest, Split split,
                              std::vector<SpelledClip>& clips) {
  const auto split_of = [&](const SpelledClip& each) {
    return manifest.clips[static_cast<size_t>(each.clip)].split;
  };
  std::set<std::u32string> texts;
  for (const SpelledClip& each : clips) {
    if (split_of(each) == Split::kTrain) texts.insert(each.text);
  }
  const auto scored = [&](const SpelledClip& each) { return split_of(each) == split; };
  const bool some = std::ranges::any_of(clips, scored);
  std::erase_if(clips,
                [&](const SpelledClip& each) { return scored(each) && texts.contains(each.text); });
  return !some || std::ranges::any_of(clips, scored);
}

PreparedTask prepare_asr(const Manifest& manifest, const TaskOptions& options, Split split) {
  std::vector<SpelledClip> clips = clips_with_words(manifest);
  if (!leave_out_texts_of_train(manifest, split, clips))
    return {nullptr, fmt::format("every text of split {} is in train, too (columns 'text' and "
                                 "'split')",
                                 split_name(split))};
  SpelledData data = spelled_data(manifest, clips, options, split, "text");
  if (!data.missing.empty()) return {nullptr, std::move(data.missing)};
  const int64_t space = data.class_of(kSpace);
  data.sequences.metrics = {{"asr.wer_wsum",
                             [space](auto reference, auto hypothesis) {
                               return word_errors(reference, hypothesis, space);
                             }},
                            {"asr.cer_wsum", symbol_errors}};
  return {sequence_task(std::move(data.sequences)), ""};
}

Facts asr_facts(const Manifest& manifest, const TaskOptions&) {
  return {{"data", hash_of_clips(manifest,
                                 [](const Clip& clip) {
                                   if (clip.text.empty()) return std::string();
                                   return fmt::format("{}\t{}\t{}\t{}\t{}\t{}", audio_of(clip),
                                                      clip.source, clip.speaker, clip.group,
                                                      clip.language, clip.text);
                                 })},
          {"texts of train", "not scored"}};
}

}  // namespace

const TaskKind kRecognitionTask = {.name = "asr",
                                   .labels = "texts",
                                   .prepare = prepare_asr,
                                   .facts = asr_facts,
                                   .test_facts = nullptr,
                                   .same_text_leaks = true,
                                   .trained_only = true};

}  // namespace concertina
