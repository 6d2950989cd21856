#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sndfile.h>

#include "speech/audio.h"
#include "speech/corpus.h"
#include "tests/speech/synthetic_data.h"

namespace concertina {
namespace {

using testing::bytes_of_sound;
using ::testing::HasSubstr;
using testing::sine;
using testing::tar_of;
using testing::TempFolder;
using testing::write_file;

constexpr int kFlac = SF_FORMAT_FLAC | SF_FORMAT_PCM_16;
constexpr int kWav = SF_FORMAT_WAV | SF_FORMAT_PCM_16;

std::map<std::string, Clip> scanned(const std::filesystem::path& input,
                                    const std::filesystem::path& manifest, CorpusReport* report) {
  *report = scan_corpus({.inputs = {input}, .manifest = manifest}, {});
  std::map<std::string, Clip> clips;
  for (const Clip& clip : read_manifest(manifest).clips) clips[clip.id] = clip;
  return clips;
}

TEST(TarShard, MembersOfOneKeyAreOneClip) {
  const TempFolder folder;
  write_file(
      folder / "set/train-000.tar",
      tar_of({{"0001.flac", bytes_of_sound(sine(300, 22050, 44100), 44100, kFlac)},
              {"0001.txt", "hello there\n"},
              {"0002.json", R"({"text": "two", "speaker_id": 7, "language": "en", "mos": 3.1})"},
              {"0002.wav", bytes_of_sound(sine(400, 8000), 16000, kWav)},
              {"0002.cls", "5"},
              {"ann/0003.wav", bytes_of_sound(sine(500, 8000), 16000, kWav)}}));
  write_file(folder / "set/sub/valid-000.tar",
             tar_of({{"./0001.wav", bytes_of_sound(sine(600, 8000), 16000, kWav)}}));
  CorpusReport report;
  const auto clips = scanned(folder / "set", folder / "m.tsv", &report);
  EXPECT_EQ(report.clips, 4);
  EXPECT_TRUE(report.skipped.empty());
  const Clip& one = clips.at("train-000/0001");
  EXPECT_EQ(one.text, "hello there");
  EXPECT_EQ(one.samples, 8000);
  EXPECT_EQ(one.speaker, "");
  EXPECT_EQ(one.source, "set");
  EXPECT_EQ(one.path, "m.audio/train-000/0001.wav");
  EXPECT_EQ(wav_layout(folder / one.path)->samples, 8000);
  EXPECT_EQ(clips.at("train-000/0002").text, "two");
  EXPECT_EQ(clips.at("train-000/0002").speaker, "7");
  EXPECT_EQ(clips.at("train-000/0002").language, "en");
  EXPECT_EQ(clips.at("train-000/ann/0003").speaker, "ann");
  EXPECT_EQ(clips.at("train-000/ann/0003").split, Split::kTrain);
  EXPECT_EQ(clips.at("sub/valid-000/0001").split, Split::kDev);
}

TEST(TarShard, CanBeScannedAlone) {
  const TempFolder folder;
  write_file(folder / "set/dev-0.tar",
             tar_of({{"a.mic1.wav", bytes_of_sound(sine(300, 8000), 16000, kWav)},
                     {"a.mic2.wav", bytes_of_sound(sine(400, 8000), 16000, kWav)}}));
  CorpusReport report;
  const auto clips = scanned(folder / "set/dev-0.tar", folder / "m.tsv", &report);
  EXPECT_EQ(clips.at("dev-0/a.mic1.wav").split, Split::kDev);
  EXPECT_EQ(clips.at("dev-0/a.mic2.wav").source, "set");
}

TEST(TarShard, WhatCannotBeReadIsListed) {
  const TempFolder folder;
  const std::string wav = bytes_of_sound(sine(300, 8000), 16000, kWav);
  const std::string whole = tar_of({{"a.wav", wav},
                                    {"a.json", "{no json"},
                                    {"b.wav", "no sound"},
                                    {"empty.wav", ""},
                                    {"c.wav", bytes_of_sound(sine(400, 8000), 16000, kWav)}});
  write_file(folder / "s.tar", whole.substr(0, whole.size() - 4000));
  CorpusReport report;
  const auto clips = scanned(folder / "s.tar", folder / "m.tsv", &report);
  EXPECT_EQ(clips.size(), 1U);
  const std::string listed = testing::read_file(folder / "m.skipped.tsv");
  EXPECT_THAT(listed, HasSubstr("s.tar:a.json\tno JSON object; the clip is read without it"));
  EXPECT_THAT(listed, HasSubstr("s.tar:b.wav: not an audio file"));
  EXPECT_THAT(listed, HasSubstr("s.tar:empty.wav: not an audio file: empty (0 bytes)"));
  EXPECT_THAT(listed, HasSubstr("'c.wav' of 16044 bytes is cut off"));
}

TEST(TarShard, NamesThatLeadOutStayInside) {
  const TempFolder folder;
  write_file(folder / "in/s.tar",
             tar_of({{"../../evil.wav", bytes_of_sound(sine(300, 8000), 16000, kWav)},
                     {"/etc/evil.wav", bytes_of_sound(sine(400, 8000), 16000, kWav)}}));
  CorpusReport report;
  const auto clips = scanned(folder / "in/s.tar", folder / "out/m.tsv", &report);
  EXPECT_EQ(clips.at("s/evil").path, "m.audio/s/evil.wav");
  EXPECT_EQ(clips.at("s/etc/evil").path, "m.audio/s/etc/evil.wav");
  EXPECT_FALSE(std::filesystem::exists(folder / "evil.wav"));
}

}  // namespace
}  // namespace concertina
