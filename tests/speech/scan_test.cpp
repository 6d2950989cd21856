#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sndfile.h>

#include "core/errors.h"
#include "speech/audio.h"
#include "speech/corpus.h"
#include "tests/speech/synthetic_data.h"

namespace concertina {
namespace {

using ::testing::HasSubstr;
using testing::message_of;
using testing::sine;
using testing::TempFolder;
using testing::write_file;
using testing::write_sound;

constexpr int kFlac = SF_FORMAT_FLAC | SF_FORMAT_PCM_16;

void write_ready(const std::filesystem::path& path, double hz, int64_t samples = 8000) {
  std::filesystem::create_directories(path.parent_path());
  write_wav(path, sine(hz, samples));
}

CorpusReport scan(const std::filesystem::path& input, const std::filesystem::path& manifest) {
  return scan_corpus({.inputs = {input}, .manifest = manifest}, {});
}

std::map<std::string, Clip> by_id(const Manifest& manifest) {
  std::map<std::string, Clip> result;
  for (const Clip& clip : manifest.clips) result[clip.id] = clip;
  return result;
}

TEST(Scan, TakesSpeakersFromFoldersAndConvertsWhatItMust) {
  const TempFolder folder;
  write_ready(folder / "clips/ann/a.wav", 300);
  write_sound(folder / "clips/bob/b.flac", sine(400, 22050, 44100), 44100, 1, kFlac);
  write_file(folder / "clips/bob/notes.txt", "no audio");
  const CorpusReport report = scan(folder / "clips", folder / "lists/m.tsv");
  EXPECT_EQ(report.clips, 2);
  EXPECT_TRUE(report.skipped.empty());
  const Manifest manifest = read_manifest(folder / "lists/m.tsv");
  const auto clips = by_id(manifest);
  EXPECT_EQ(clips.at("ann/a").path, "../clips/ann/a.wav");
  EXPECT_EQ(clips.at("ann/a").speaker, "ann");
  EXPECT_EQ(clips.at("bob/b").path, "m.audio/bob/b.wav");
  EXPECT_EQ(clips.at("bob/b").samples, 8000);
  EXPECT_EQ(clips.at("bob/b").source, "clips");
  for (const Clip& clip : manifest.clips)
    EXPECT_EQ(wav_layout(manifest.audio_path(clip))->samples, clip.samples);
}

TEST(Scan, ListsWhatItSkips) {
  const TempFolder folder;
  write_ready(folder / "clips/good.wav", 300);
  write_ready(folder / "clips/copy.wav", 300);
  write_ready(folder / "clips/short.wav", 300, 100);
  write_file(folder / "clips/text.wav", "this is no sound");
  write_file(folder / "clips/empty.wav", "");
  write_file(folder / "clips/tab\tname.wav", "x");
  const CorpusReport report = scan(folder / "clips", folder / "m.tsv");
  EXPECT_EQ(report.clips, 1);
  EXPECT_EQ(report.duplicates, 1);
  EXPECT_EQ(report.skipped.size(), 4U);
  const std::string listed = testing::read_file(folder / "m.skipped.tsv");
  EXPECT_THAT(listed, HasSubstr("short.wav\ttoo short: 100 samples"));
  EXPECT_THAT(listed, HasSubstr("text.wav: not an audio file"));
  EXPECT_THAT(listed, HasSubstr("empty.wav: not an audio file: empty (0 bytes)"));
  EXPECT_TRUE(std::filesystem::exists(folder / "clips/copy.wav"));
}

TEST(Scan, KnowsLibriSpeech) {
  const TempFolder folder;
  const auto root = folder / "LibriSpeech";
  for (const std::string part : {"train-clean-100", "dev-clean", "test-other"}) {
    const std::string speaker = part == "dev-clean" ? "84" : part == "test-other" ? "61" : "19";
    const auto chapter = root / part / speaker / "198";
    const std::string name = speaker + "-198-0000";
    write_sound(chapter / (name + ".flac"), sine(std::stod(speaker) * 10, 8000), 16000, 1, kFlac);
    write_file(chapter / (speaker + "-198.trans.txt"),
               name + " NORTHANGER ABBEY\n" + speaker + "-198-0001 OTHER\n");
  }
  scan(root, folder / "m.tsv");
  const auto clips = by_id(read_manifest(folder / "m.tsv"));
  const Clip& train = clips.at("train-clean-100/19/198/19-198-0000");
  EXPECT_EQ(train.speaker, "19");
  EXPECT_EQ(train.text, "NORTHANGER ABBEY");
  EXPECT_EQ(train.group, "19-198");
  EXPECT_EQ(train.split, Split::kTrain);
  EXPECT_EQ(clips.at("dev-clean/84/198/84-198-0000").split, Split::kDev);
  EXPECT_EQ(clips.at("test-other/61/198/61-198-0000").split, Split::kTest);

  scan(root / "dev-clean", folder / "dev.tsv");
  EXPECT_EQ(read_manifest(folder / "dev.tsv").clips.at(0).split, Split::kDev);
}

TEST(Scan, SplitsBySpeakerWhereThereAreMany) {
  const TempFolder folder;
  for (int speaker = 0; speaker < 12; ++speaker) {
    for (int i = 0; i < 2; ++i) {
      write_ready(folder / ("clips/s" + std::to_string(speaker) + "/" + std::to_string(i) + ".wav"),
                  200 + 40 * speaker + 10 * i, 1000);
    }
  }
  scan(folder / "clips", folder / "m.tsv");
  std::map<std::string, std::set<Split>> splits;
  std::map<Split, int> count;
  for (const Clip& clip : read_manifest(folder / "m.tsv").clips) {
    splits[clip.speaker].insert(clip.split);
    ++count[clip.split];
  }
  for (const auto& [speaker, used] : splits) EXPECT_EQ(used.size(), 1U) << speaker;
  EXPECT_EQ(count[Split::kDev], 2);
  EXPECT_EQ(count[Split::kTest], 2);
}

TEST(Scan, ScansAgainWithoutTakingItsOwnOutput) {
  const TempFolder folder;
  write_sound(folder / "clips/a.flac", sine(300, 8000), 16000, 1, kFlac);
  write_sound(folder / "clips/a.ogg", sine(400, 8000), 16000, 1, SF_FORMAT_OGG | SF_FORMAT_VORBIS);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(scan(folder / "clips", folder / "clips/m.tsv").clips, 2);
  const auto clips = by_id(read_manifest(folder / "clips/m.tsv"));
  EXPECT_EQ(clips.at("a.flac").path, "m.audio/a.flac.wav");
  EXPECT_EQ(clips.count("a.ogg"), 1U);
}

TEST(Scan, AFolderLinkedIntoItselfEnds) {
  const TempFolder folder;
  write_ready(folder / "clips/a.wav", 300);
  std::filesystem::create_directory_symlink(folder / "clips", folder / "clips/loop");
  EXPECT_EQ(scan(folder / "clips", folder / "m.tsv").clips, 1);
}

TEST(Scan, NothingToReadIsAnErrorAndLeavesTheOldManifest) {
  const TempFolder folder;
  write_file(folder / "clips/text.wav", "this is no sound");
  write_file(folder / "m.tsv", "old");
  EXPECT_THAT(message_of<InputError>([&] { scan(folder / "clips", folder / "m.tsv"); }),
              HasSubstr("1 files skipped"));
  EXPECT_EQ(testing::read_file(folder / "m.tsv"), "old");
  EXPECT_THROW(scan(folder / "missing", folder / "m.tsv"), SystemError);
  EXPECT_THROW(scan(folder / "clips/text.wav", folder / "n.tsv"), InputError);
}

TEST(Scan, TakesSeveralInputs) {
  const TempFolder folder;
  write_ready(folder / "one/train/a.wav", 300);
  write_ready(folder / "two/dev/a.wav", 400);
  scan_corpus({.inputs = {folder / "one", folder / "two"}, .manifest = folder / "m.tsv"}, {});
  const auto clips = by_id(read_manifest(folder / "m.tsv"));
  EXPECT_EQ(clips.at("one/train/a").split, Split::kTrain);
  EXPECT_EQ(clips.at("two/dev/a").split, Split::kDev);
  EXPECT_EQ(clips.at("two/dev/a").source, "two");
}

TEST(Scan, TrimsSilence) {
  const TempFolder folder;
  std::vector<float> samples(48000, 0);
  const std::vector<float> tone = sine(300, 16000);
  std::copy(tone.begin(), tone.end(), samples.begin() + 16000);
  std::filesystem::create_directories(folder / "clips");
  write_wav(folder / "clips/a.wav", samples);
  write_wav(folder / "clips/silent.wav", std::vector<float>(8000, 0));
  const CorpusReport report = scan_corpus(
      {.inputs = {folder / "clips"}, .manifest = folder / "m.tsv", .trim_silence = 40}, {});
  ASSERT_EQ(report.skipped.size(), 1U);
  EXPECT_EQ(report.skipped[0].reason, "nothing but silence");
  const Manifest manifest = read_manifest(folder / "m.tsv");
  EXPECT_EQ(manifest.clips.at(0).path, "m.audio/a.wav");
  EXPECT_NEAR(static_cast<double>(manifest.clips.at(0).samples), 16000 + 3200, 1000);
  EXPECT_EQ(wav_layout(folder / "m.audio/a.wav")->samples, manifest.clips.at(0).samples);
}

}  // namespace
}  // namespace concertina
