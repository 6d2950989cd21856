#include "speech/readers/readers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/errors.h"
#include "tests/speech/synthetic_data.h"

namespace concertina {
namespace {

using testing::g722_of;
using ::testing::HasSubstr;
using testing::message_of;
using testing::sine;
using testing::TempFolder;
using testing::write_file;

constexpr const char* kQueen = "usr/share/scummvm/flight-of-the-amazon-queen/queen.1c";

std::map<std::string, RawClip> by_id(const PackageClips& clips) {
  std::map<std::string, RawClip> result;
  for (const RawClip& raw : clips.clips) result[raw.clip.id] = raw;
  return result;
}

TEST(AmazonQueen, JoinsSpeechWithSpeakersTextsAndSplits) {
  const TempFolder folder;
  write_file(folder / kQueen, testing::small_queen_archive());
  const auto clips = by_id(read_amazon_queen(folder.path(), "queen"));
  EXPECT_EQ(clips.size(), 9U);  // neither the picture nor the name that leaves the folder
  const Clip& hero = clips.at("queen/070001J2").clip;
  EXPECT_EQ(hero.speaker, "JOE");
  EXPECT_EQ(hero.text, "there");
  EXPECT_EQ(hero.group, "queen/BOB1");
  EXPECT_EQ(hero.language, "en");
  EXPECT_EQ(hero.path, "audio/queen/070001J2.wav");
  const Clip& bob = clips.at("queen/070001P1").clip;
  EXPECT_EQ(bob.speaker, "BOB");
  EXPECT_EQ(bob.text, "Hi Joe");
  EXPECT_EQ(bob.split, hero.split);
  const Clip& greeting = clips.at("queen/07SSSSP1").clip;
  EXPECT_EQ(greeting.speaker, "BOB");
  EXPECT_EQ(greeting.text, "");
  EXPECT_EQ(greeting.split, bob.split);
  EXPECT_NE(clips.at("queen/08001AJ1").clip.split, bob.split);
  const Clip& remark = clips.at("queen/JOE01424").clip;
  EXPECT_EQ(remark.speaker, "");
  EXPECT_EQ(remark.split, Split::kTrain);
}

TEST(AmazonQueen, KeepsAClipWhoseTextCannotBeDecoded) {
  const TempFolder folder;
  write_file(folder / kQueen, testing::small_queen_archive());
  const auto clips = by_id(read_amazon_queen(folder.path(), "queen"));
  EXPECT_EQ(clips.at("queen/08001AJ1").clip.text, "Bye");
  const RawClip& odd = clips.at("queen/08001AP1");
  EXPECT_EQ(odd.clip.text, "");
  EXPECT_GT(odd.decode().samples.size(), 15000U);
  EXPECT_THROW(clips.at("queen/BROKEN").decode(), InputError);
}

TEST(AmazonQueen, NamesAnArchiveThatIsNone) {
  const TempFolder folder;
  EXPECT_THROW(read_amazon_queen(folder.path(), "queen"), InputError);
  write_file(folder / kQueen, testing::small_queen_archive().substr(0, 100));
  EXPECT_THAT(message_of<InputError>([&] { read_amazon_queen(folder.path(), "queen"); }),
              HasSubstr("queen: queen.1c: not the game's archive"));
}

TEST(AmazonQueen, ACutOffArchiveLosesOnlyItsEnd) {
  const TempFolder folder;
  const std::string whole = testing::small_queen_archive();
  write_file(folder / kQueen, whole.substr(0, whole.size() - 12000));
  int readable = 0;
  for (const RawClip& raw : read_amazon_queen(folder.path(), "queen").clips) {
    try {
      raw.decode();
      ++readable;
    } catch (const InputError&) {
    }
  }
  EXPECT_GT(readable, 0);
  EXPECT_LT(readable, 8);
}

TEST(Festvox, ReadsTextsLabelsAndSplitsByNumber) {
  const TempFolder folder;
  const auto voice = folder / "usr/share/festival/voices/russian/voice_x";
  write_file(voice / "etc/txt.done.data",
             "( ru_0007 \"мол+око, \" )\n( ru_0008 \"да\" )\nnonsense\n( ru_0009 \"нет\" )\n");
  for (const std::string id : {"ru_0007", "ru_0008", "ru_0009"}) {
    std::filesystem::create_directories(voice / "wav");
    write_wav(voice / "wav" / (id + ".wav"), sine(300, 4000));
  }
  write_file(voice / "lab/ru_0007.lab", "#\n0.25 125 a\n");
  const auto result = read_festvox(folder.path(), "festvox-ru");
  const auto clips = by_id(result);
  ASSERT_EQ(clips.size(), 3U);
  const Clip& clip = clips.at("festvox-ru/ru_0007").clip;
  EXPECT_EQ(clip.text, "молоко, ");
  EXPECT_EQ(clip.language, "ru");
  EXPECT_EQ(clip.speaker, "voice_x");
  EXPECT_EQ(clip.split, Split::kTrain);
  EXPECT_EQ(clip.phones, "phones/festvox-ru/ru_0007.lab");
  ASSERT_EQ(result.phone_files.size(), 1U);
  EXPECT_EQ(clips.at("festvox-ru/ru_0008").clip.split, Split::kDev);
  EXPECT_EQ(clips.at("festvox-ru/ru_0009").clip.split, Split::kTest);
  EXPECT_EQ(clips.at("festvox-ru/ru_0009").clip.phones, "");
  EXPECT_THROW(read_festvox(folder / "usr/share/festival/voices/russian/voice_x/wav", "festvox-ru"),
               InputError);
}

TEST(Asterisk, TakesSpeakerAndLanguageFromTheFolder) {
  const TempFolder folder;
  const auto sounds = folder / "usr/share/asterisk/sounds/fr_CA_f_June";
  write_file(sounds / "hello.g722", g722_of(sine(300, 16000)));
  write_file(sounds / "digits/1.g722", g722_of(sine(400, 16000)));
  write_file(sounds / "beep.g722", g722_of(sine(400, 4000)));
  write_file(sounds / "silence/1.g722", g722_of(sine(400, 16000, 16000, 0)));
  const auto result = read_asterisk(folder.path(), "pkg");
  const auto clips = by_id(result);
  ASSERT_EQ(clips.size(), 2U);
  const Clip& clip = clips.at("pkg/digits/1").clip;
  EXPECT_EQ(clip.speaker, "fr_CA_f_June");
  EXPECT_EQ(clip.language, "fr");
  EXPECT_EQ(clip.path, "audio/pkg/digits/1.wav");
  EXPECT_EQ(clip.keyword, "fr 1");
  EXPECT_EQ(clips.at("pkg/hello").decode().samples.size(), 16000U);
  ASSERT_EQ(result.skipped.size(), 2U);
  EXPECT_EQ(result.skipped[0].reason, "shorter than half a second");
  EXPECT_EQ(result.skipped[1].path, "pkg/silence/1");
  EXPECT_THROW(read_asterisk(folder / "usr", "pkg"), InputError);
}

}  // namespace
}  // namespace concertina
