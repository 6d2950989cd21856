#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/errors.h"
#include "speech/readers/readers.h"
#include "speech/readers/rnc.h"
#include "tests/speech/steel_sky_data.h"
#include "tests/speech/synthetic_data.h"

namespace concertina {
namespace {

using ::testing::HasSubstr;
using testing::message_of;
using testing::rnc_of;
using testing::TempFolder;

std::string unpacked(const std::string& packed) {
  const auto bytes = unpack_rnc(std::as_bytes(std::span(packed)), "clip");
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string why_not(const std::string& packed) {
  return message_of<InputError>([&] { unpacked(packed); });
}

TEST(Rnc, CopiesLiteralsAndEarlierBytes) {
  EXPECT_EQ(unpacked(rnc_of({{{"abc", 3, 9}, {"", 12, 2}, {"xyz"}}})), "abcabcabcabcabxyz");
}

TEST(Rnc, ReadsLongRunsAndFarCopies) {
  std::string run;
  for (int i = 0; i < 5000; ++i) run += static_cast<char>(i * i / 7);
  EXPECT_EQ(unpacked(rnc_of({{{run, 5000, 3000}, {"!", 1, 2}, {""}}})),
            run + run.substr(0, 3000) + "!!!");
}

TEST(Rnc, ACopyMayReachIntoEarlierBlocks) {
  EXPECT_EQ(unpacked(rnc_of({{{"abcd"}}, {{"e", 5, 4}, {"f"}}})), "abcdeabcdf");
}

// The last word may lack its upper byte, and bits end where literals begin in every other way.
TEST(Rnc, EndsAnywhereInAWord) {
  std::string run = "-";
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(unpacked(rnc_of({{{run, 1, 2}, {run}}})), run + std::string(2, run.back()) + run)
        << i;
    run += static_cast<char>('a' + i % 26);
  }
}

TEST(Rnc, NamesWhatIsWrong) {
  const std::string packed = rnc_of({{{"abc", 3, 9}, {"xyz"}}});
  for (size_t size = 0; size < packed.size(); ++size)
    EXPECT_THAT(why_not(packed.substr(0, size)), HasSubstr("truncated")) << size;
  std::string changed = packed;
  changed[3] = 2;
  EXPECT_THAT(why_not(changed), HasSubstr("clip: not data of RNC ProPack, method 1"));
  changed = packed;
  changed[20] ^= 1;
  EXPECT_THAT(why_not(changed), HasSubstr("CRC of the packed bytes"));
  changed = packed;
  changed[13] ^= 1;
  EXPECT_THAT(why_not(changed), HasSubstr("CRC of the unpacked bytes"));
  changed = packed;
  changed[7] += 1;
  EXPECT_THAT(why_not(changed), HasSubstr("cannot be unpacked"));
}

TEST(Rnc, AllocatesNothingForAnAbsurdSize) {
  std::string packed = rnc_of({{{"abc"}}});
  packed.replace(4, 4, 4, '\xff');
  EXPECT_THAT(why_not(packed), HasSubstr("4294967295 bytes unpacked, expected at most"));
}

TEST(Rnc, RefusesACopyFromBeforeTheBeginning) {
  EXPECT_EQ(unpacked(rnc_of({{{"ab", 2, 4}, {""}}})), "ababab");
  EXPECT_THAT(why_not(rnc_of({{{"ab", 3, 4}, {""}}})), HasSubstr("cannot be unpacked"));
}

TEST(SteelSky, FindsSpeechByNumber) {
  const TempFolder folder;
  std::string loud(11025, '\xC0');
  testing::write_steel_sky(folder.path(), {{60, "a picture"},
                                           {50001, testing::steel_sky_speech(loud)},
                                           {55999, testing::steel_sky_speech(loud)},
                                           {56000, "music"},
                                           {50002, std::string(22, 'x') + "no speech"}});
  const auto clips = read_steel_sky(folder.path(), "sky").clips;
  ASSERT_EQ(clips.size(), 3U);
  EXPECT_EQ(clips[0].clip.id, "sky/50001");
  EXPECT_EQ(clips[0].clip.path, "audio/sky/50001.wav");
  EXPECT_EQ(clips[0].clip.group, "sky/50001");
  EXPECT_EQ(clips[0].clip.language, "en");
  EXPECT_EQ(clips[0].clip.split, Split::kTrain);
  EXPECT_EQ(clips[0].min_samples, 8000);
  EXPECT_EQ(clips[1].clip.id, "sky/55999");
  for (int i = 0; i < 2; ++i) {
    const Audio audio = clips[i].decode();
    EXPECT_NEAR(static_cast<double>(audio.samples.size()), 16000, 1);
    EXPECT_NEAR(audio.samples[8000], 0.5, 0.01);
  }
  EXPECT_THAT(message_of<InputError>([&] { clips[2].decode(); }), HasSubstr("sky/50002: not data"));
}

TEST(SteelSky, ACutOffDiskLosesOnlyItsEnd) {
  const TempFolder folder;
  const std::string speech = testing::steel_sky_speech(std::string(9000, 'x'));
  testing::write_steel_sky(folder.path(), {{50001, speech}, {50002, speech}});
  const auto disk = folder / "usr/share/scummvm/beneath-a-steel-sky/sky.dsk";
  std::filesystem::resize_file(disk, std::filesystem::file_size(disk) - 1);
  const auto clips = read_steel_sky(folder.path(), "sky").clips;
  ASSERT_EQ(clips.size(), 2U);
  EXPECT_NO_THROW(clips[0].decode());
  EXPECT_THAT(message_of<InputError>([&] { clips[1].decode(); }),
              HasSubstr("lies beyond the end of sky.dsk"));
}

TEST(SteelSky, NamesAnIndexThatIsNone) {
  const TempFolder folder;
  EXPECT_THAT(message_of<InputError>([&] { read_steel_sky(folder.path(), "sky"); }),
              HasSubstr("sky: no usr/share/scummvm/beneath-a-steel-sky/sky.dnr"));
  testing::write_steel_sky(folder.path(), {{50001, "x"}, {50002, "y"}});
  const auto index = folder / "usr/share/scummvm/beneath-a-steel-sky/sky.dnr";
  for (const size_t size : {19U, 3U, 0U}) {
    std::filesystem::resize_file(index, size);
    EXPECT_THAT(message_of<InputError>([&] { read_steel_sky(folder.path(), "sky"); }),
                HasSubstr("sky.dnr: not the game's index, or truncated"));
  }
}

}  // namespace
}  // namespace concertina
