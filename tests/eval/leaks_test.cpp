#include "eval/leaks.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <numeric>

#include "eval/task_data.h"

namespace concertina {
namespace {

using Sentences = std::vector<std::string>;

constexpr std::array kAll = {LeakKind::kAudio, LeakKind::kGroup, LeakKind::kSpeaker,
                             LeakKind::kText};

// Two clips in train, two in test, one in dev, that share nothing.
Manifest clean() {
  Manifest manifest;
  for (const auto& [id, split] : {std::pair("a", Split::kTrain),
                                  {"b", Split::kTrain},
                                  {"c", Split::kTest},
                                  {"d", Split::kTest},
                                  {"e", Split::kDev}}) {
    Clip clip;
    clip.id = id;
    clip.path = clip.id + ".wav";
    clip.source = "game";
    clip.group = "dialogue " + clip.id;
    clip.speaker = "speaker " + clip.id;
    clip.text = "text " + clip.id;
    clip.split = split;
    manifest.clips.push_back(clip);
  }
  return manifest;
}

std::vector<Leak> leaks_of(const Manifest& manifest) {
  std::vector<int64_t> clips(manifest.clips.size());
  std::iota(clips.begin(), clips.end(), 0);
  return find_leaks(manifest, clips, kAll);
}

TEST(Leaks, NoneWhereNothingIsShared) { EXPECT_TRUE(leaks_of(clean()).empty()); }

TEST(Leaks, EmptyColumnsShareNothing) {
  Manifest manifest = clean();
  for (Clip& clip : manifest.clips) clip.group = clip.speaker = clip.text = "";
  EXPECT_TRUE(leaks_of(manifest).empty());
}

TEST(Leaks, EachKindIsFoundWithItsClips) {
  Manifest manifest = clean();
  manifest.clips[2].group = manifest.clips[3].group = "dialogue a";
  EXPECT_EQ(leaks_of(manifest),
            (std::vector<Leak>{{LeakKind::kGroup, "dialogue a", "a", "c", Split::kTest, 2}}));
  EXPECT_EQ(
      leak_sentences(leaks_of(manifest)),
      Sentences{"1 group of split test is in train too (2 clips): 'dialogue a' in 'a' and 'c'"});

  manifest = clean();
  manifest.clips[2].source = manifest.clips[3].source = "another";
  manifest.clips[2].group = "dialogue a";  // of another source
  manifest.clips[3].text = "text b";
  manifest.clips[4].speaker = "speaker a";
  EXPECT_EQ(leaks_of(manifest),
            (std::vector<Leak>{{LeakKind::kSpeaker, "speaker a", "a", "e", Split::kDev, 1},
                               {LeakKind::kText, "text b", "b", "d", Split::kTest, 1}}));
}

TEST(Leaks, AudioIsTheSameByHashOrByFile) {
  Manifest manifest = clean();
  manifest.clips[0].hash = manifest.clips[3].hash = "0123456789abcdef";
  EXPECT_EQ(leaks_of(manifest),
            (std::vector<Leak>{{LeakKind::kAudio, "0123456789abcdef", "a", "d", Split::kTest, 1}}));
  manifest = clean();
  manifest.clips[3].path = "b.wav";
  EXPECT_EQ(
      leak_sentences(leaks_of(manifest)),
      Sentences{"1 recording of split test is in train too (1 clip): 'b.wav' in 'b' and 'd'"});
}

TEST(Leaks, OnlyAmongTheClipsAndKindsThatAreAskedFor) {
  Manifest manifest = clean();
  manifest.clips[2].group = "dialogue a";
  manifest.clips[2].text = "text a";
  const std::array<int64_t, 3> others = {1, 2, 3};
  EXPECT_TRUE(find_leaks(manifest, others, kAll).empty());
  const std::array<int64_t, 2> both = {0, 2};
  const std::array text = {LeakKind::kText};
  EXPECT_EQ(find_leaks(manifest, both, text).size(), 1u);
}

// CONCERTINA_CORPUS: the manifest of a fetched corpus. Its dialogues, utterances and recordings are
// in one split each; the sentences of its phone labels too.
TEST(Leaks, TheFetchedCorpusHasNone) {
  const char* path = std::getenv("CONCERTINA_CORPUS");
  if (path == nullptr) GTEST_SKIP() << "CONCERTINA_CORPUS names no manifest";
  const Manifest manifest = read_manifest(path);
  std::vector<int64_t> all, phones;
  for (int64_t i = 0; i < std::ssize(manifest.clips); ++i) {
    all.push_back(i);
    if (!manifest.clips[static_cast<size_t>(i)].phones.empty()) phones.push_back(i);
  }
  const std::array kinds = {LeakKind::kAudio, LeakKind::kGroup};
  const std::array text = {LeakKind::kText};
  EXPECT_EQ(leak_sentences(find_leaks(manifest, all, kinds)), Sentences{});
  EXPECT_EQ(leak_sentences(find_leaks(manifest, phones, text)), Sentences{});
}

}  // namespace
}  // namespace concertina
