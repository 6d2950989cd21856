// What synthetic speech says and who says it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "speech/synthesis/voices.h"
#include "speech/synthesis/words.h"

namespace concertina {
namespace {

// The splits in which each name occurs.
using SplitsOf = std::map<std::string, std::set<Split>>;

void expect_one_split(const SplitsOf& splits) {
  for (const auto& [name, in] : splits) EXPECT_EQ(in.size(), 1U) << name;
}

TEST(SyntheticTexts, PatternsAndTextsAreInOneSplit) {
  SplitsOf patterns, texts, groups;
  for (const auto all : {sentence_patterns(), command_patterns(), request_patterns()}) {
    for (const Pattern& pattern : all) patterns[std::string(pattern.text)].insert(pattern.split);
  }
  for (const SpokenText& text : spoken_texts()) {
    if (text.kind == TextKind::kKeyword) continue;
    texts[text.words].insert(text.split);
    groups[text.group].insert(text.split);
  }
  expect_one_split(patterns);
  expect_one_split(texts);
  expect_one_split(groups);
}

TEST(SyntheticTexts, NoTextIsTwice) {
  std::set<std::string> ids, words;
  size_t sentences = 0;
  for (const SpokenText& text : spoken_texts()) {
    EXPECT_TRUE(ids.insert(text.id).second) << text.id;
    if (text.kind == TextKind::kKeyword) continue;
    EXPECT_TRUE(words.insert(text.words).second) << text.words;
    sentences += text.kind == TextKind::kSentence;
  }
  EXPECT_EQ(sentences, 580U);
}

TEST(SyntheticTexts, AreWordsOfLettersBlanksAndCommas) {
  for (const SpokenText& text : spoken_texts()) {
    const bool plain = std::ranges::all_of(
        text.words, [](char c) { return ('a' <= c && c <= 'z') || c == ' ' || c == ','; });
    EXPECT_TRUE(plain) << text.words;
    EXPECT_EQ(text.words.find("  "), std::string::npos) << text.words;
  }
}

TEST(SyntheticTexts, SlotsAreTheTextWithMarks) {
  for (const SpokenText& text : spoken_texts()) {
    const bool marked = text.kind == TextKind::kCommand || text.kind == TextKind::kRequest;
    EXPECT_EQ(!text.slots.empty(), marked) << text.id;
    std::string words;
    bool inside = false;
    for (const char c : text.slots) {
      inside |= c == '<';
      if (!inside) words += c;
      inside &= c != '>';
    }
    EXPECT_EQ(words, marked ? text.words : "");
    EXPECT_EQ(text.slots.find("</") != std::string::npos, marked) << text.id;
  }
}

TEST(SyntheticTexts, FillsAPattern) {
  const FilledPattern filled =
      fill_pattern("{verb} the {place} {object}, {name}",
                   [](std::string_view name) { return "my " + std::string(name); });
  EXPECT_EQ(filled.words, "my verb the my place my object, my name");
  EXPECT_EQ(filled.slots,
            "my verb the <place>my place</place> <object>my object</object>, my name");
}

TEST(SyntheticTexts, EveryClassAndSlotTypeIsInTrainAndInBothOthers) {
  std::map<Split, std::set<std::string>> intents, keywords, types;
  for (const SpokenText& text : spoken_texts()) {
    if (!text.intent.empty()) intents[text.split].insert(text.intent);
    if (!text.keyword.empty()) keywords[text.split].insert(text.keyword);
    for (size_t at = text.slots.find("</"); at != std::string::npos;
         at = text.slots.find("</", at + 1))
      types[text.split].insert(text.slots.substr(at, text.slots.find('>', at) - at));
  }
  EXPECT_EQ(intents[Split::kTrain].size(), 48U);
  EXPECT_EQ(keywords[Split::kTrain].size(), 20U);
  EXPECT_EQ(types[Split::kTrain].size(), 8U);
  for (const Split split : {Split::kDev, Split::kTest}) {
    EXPECT_EQ(intents[split], intents[Split::kTrain]);
    EXPECT_EQ(keywords[split], keywords[Split::kTrain]);
    EXPECT_EQ(types[split], types[Split::kTrain]);
  }
}

TEST(SyntheticVoices, ADonorAndAGroupAreInOneSplit) {
  const std::map<std::string, std::string> donors = {
      {"kal16", "kal"}, {"kal_diphone", "kal"}, {"slt_hts", "slt"}, {"ked_diphone", "ked"}};
  SplitsOf speakers, voices, groups;
  for (const SyntheticClip& clip : synthetic_clips()) {
    const std::string name(clip.voice->name);
    const auto donor = donors.find(name);
    voices[donor == donors.end() ? name : donor->second].insert(clip.text.split);
    speakers[std::string(clip.voice->speaker)].insert(clip.text.split);
    groups[clip.group()].insert(clip.text.split);
    EXPECT_EQ(clip.voice->split, clip.text.split);
    EXPECT_EQ(clip.voice->engine == SpeechEngine::kEspeak, clip.voice->speaker == "espeak");
  }
  EXPECT_EQ(speakers.size(), 6U);
  expect_one_split(speakers);
  expect_one_split(voices);
  expect_one_split(groups);
}

TEST(SyntheticVoices, ClipsHaveIdsOfTheirOwn) {
  std::set<std::string> ids;
  for (const SyntheticClip& clip : synthetic_clips())
    EXPECT_TRUE(ids.insert(clip.id()).second) << clip.id();
}

// As many evaluations read them (tasks.pr_every).
TEST(SyntheticVoices, EverySecondClipWithPhonesIsOfAllVoices) {
  std::map<Split, std::set<std::string_view>> all, second;
  std::map<Split, int> labelled;
  for (const SyntheticClip& clip : synthetic_clips()) {
    if (!clip.has_phones()) continue;
    all[clip.text.split].insert(clip.voice->speaker);
    if (labelled[clip.text.split]++ % 2 == 0) second[clip.text.split].insert(clip.voice->speaker);
  }
  EXPECT_EQ(all, second);
  EXPECT_EQ(all[Split::kTrain].size(), 2U);
}

TEST(SyntheticVoices, EveryIntentIsSaidByEveryVoiceOfItsSplit) {
  std::map<std::string, std::set<std::string>> by_voice;
  for (const SyntheticClip& clip : synthetic_clips()) {
    if (!clip.text.intent.empty())
      by_voice[std::string(clip.voice->speaker)].insert(clip.text.intent);
  }
  ASSERT_EQ(by_voice.size(), 6U);
  for (const auto& [speaker, intents] : by_voice) EXPECT_EQ(intents.size(), 48U) << speaker;
}

}  // namespace
}  // namespace concertina
