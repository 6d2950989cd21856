#include "speech/readers/sound_folders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sndfile.h>

#include "core/errors.h"
#include "tests/speech/synthetic_data.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;
using testing::bytes_of_sound;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::sine;
using testing::TempFolder;
using testing::write_file;
using testing::write_sound;

constexpr int kWav = SF_FORMAT_WAV | SF_FORMAT_PCM_16;
constexpr int kVorbis = SF_FORMAT_OGG | SF_FORMAT_VORBIS;

std::vector<std::string> ids_of(const PackageClips& clips) {
  std::vector<std::string> ids;
  for (const RawClip& raw : clips.clips) ids.push_back(raw.clip.id);
  return ids;
}

std::vector<std::string> skipped_of(const PackageClips& clips) {
  std::vector<std::string> skipped;
  for (const SkippedFile& file : clips.skipped) skipped.push_back(file.path + ": " + file.reason);
  return skipped;
}

// A package with folders of languages, and files that are not clips.
class SoundFolderTest : public ::testing::Test {
 protected:
  PackageClips read(const std::vector<SoundFiles>& files = {
                        {R"(([a-z]+)/(\w+)/.+\.(?:ogg|wav))", "$1", "x-$2"}}) {
    return read_sound_folder(folder_.path(), "pkg", {"usr/share/x", files});
  }
  void write_clip(const std::string& name, int64_t samples = 12000) {
    write_sound(sounds_ / name, sine(300, samples), 16000, 1,
                name.ends_with("ogg") ? kVorbis : kWav);
  }

  TempFolder folder_;
  fs::path sounds_ = folder_ / "usr/share/x";
};

TEST_F(SoundFolderTest, TakesLanguageAndSpeakerFromThePath) {
  write_clip("de/anna/one.ogg");
  write_clip("fr/bob/deep/two.wav");
  write_clip("top.wav");
  write_file(sounds_ / "de/anna/notes.txt", "no sound");
  const PackageClips result = read();
  EXPECT_THAT(ids_of(result), ElementsAre("pkg/de/anna/one", "pkg/fr/bob/deep/two"));
  EXPECT_THAT(result.skipped, ::testing::IsEmpty());
  const Clip& clip = result.clips[1].clip;
  EXPECT_EQ(clip.path, "audio/pkg/fr/bob/deep/two.wav");
  EXPECT_EQ(clip.language, "fr");
  EXPECT_EQ(clip.speaker, "x-bob");
  EXPECT_EQ(clip.source, "pkg");
  EXPECT_EQ(clip.group, clip.id);
  EXPECT_EQ(clip.split, Split::kTrain);
  for (const RawClip& raw : result.clips) EXPECT_EQ(raw.decode().samples.size(), 12000U);
}

TEST_F(SoundFolderTest, TheFirstPatternCountsAndMayLeaveOut) {
  for (const char* name : {"de/anna/one.wav", "de/robot/one.wav"}) write_clip(name);
  const PackageClips result =
      read({{R"(\w+/robot/.+)", "", "", "vocoded"}, {R"(.+\.wav)", "de", ""}});
  EXPECT_THAT(ids_of(result), ElementsAre("pkg/de/anna/one"));
  EXPECT_THAT(skipped_of(result), ElementsAre("pkg/de/robot/one: vocoded"));
}

TEST_F(SoundFolderTest, ListsClipsUnderHalfASecond) {
  write_clip("de/anna/long.wav", 8000);
  write_clip("de/anna/short.wav", 7999);
  const CollectedClips collected = collect_clips(read(), folder_ / "out", {});
  ASSERT_EQ(collected.clips.size(), 1U);
  EXPECT_EQ(collected.clips[0].id, "pkg/de/anna/long");
  ASSERT_EQ(collected.skipped.size(), 1U);
  EXPECT_EQ(collected.skipped[0].reason,
            "too short: 7999 samples at 16 kHz, at least 8000 are needed");
}

TEST_F(SoundFolderTest, FollowsNoLinks) {
  write_clip("de/anna/one.wav");
  write_sound(folder_ / "outside/de/secret.wav", sine(300, 12000), 16000, 1, kWav);
  fs::create_symlink(folder_ / "outside/de/secret.wav", sounds_ / "de/anna/two.wav");
  fs::create_directory_symlink(folder_ / "outside", sounds_ / "de/outside");
  EXPECT_THAT(ids_of(read()), ElementsAre("pkg/de/anna/one"));
}

TEST_F(SoundFolderTest, RefusesAFolderThatIsMissingOrOutside) {
  EXPECT_THAT(message_of<InputError>([&] { read(); }), HasSubstr("pkg: no usr/share/x in the"));
  const TempFolder outside;
  write_sound(outside / "de/anna/one.wav", sine(300, 12000), 16000, 1, kWav);
  fs::create_directories(folder_ / "usr/share");
  fs::create_directory_symlink(outside.path(), sounds_);
  EXPECT_THAT(message_of<InputError>([&] { read(); }), HasSubstr("leads out of the package"));
}

TEST_F(SoundFolderTest, GivesNoIdTwiceAndNoneThatBreaksATable) {
  write_clip("de/anna/one.ogg");
  write_clip("de/anna/one.wav");
  write_clip("de/anna/a\tb.wav");
  const PackageClips result = read();
  EXPECT_THAT(ids_of(result), ElementsAre("pkg/de/anna/one"));
  EXPECT_THAT(skipped_of(result), ElementsAre("pkg/de/anna/a\tb: its name has control characters",
                                              "pkg/de/anna/one.wav: another file has its id"));
}

TEST_F(SoundFolderTest, DecodesGsmAndUnsignedSamplesByExtension) {
  write_file(sounds_ / "a.gsm",
             bytes_of_sound(sine(300, 8000, 8000), 8000, SF_FORMAT_RAW | SF_FORMAT_GSM610));
  write_file(sounds_ / "b.ALS", std::string(11025, '\x40'));
  write_file(sounds_ / "c.ALS", "");
  const PackageClips result = read({{".+", "en", ""}});
  ASSERT_EQ(result.clips.size(), 3U);
  EXPECT_EQ(result.clips[0].decode().samples.size(), 16000U);
  const Audio audio = result.clips[1].decode();
  EXPECT_NEAR(static_cast<double>(audio.samples.size()), 16000, 1);
  EXPECT_NEAR(audio.samples[8000], -0.5, 0.01);
  EXPECT_THAT(message_of<InputError>([&] { result.clips[2].decode(); }), HasSubstr("pkg/c: not"));
}

// Of the table in readers/reference.cpp, packages whose paths say more than one thing.
class ReferenceTest : public ::testing::Test {
 protected:
  std::string labels(const std::string& package, const std::string& folder,
                     const std::vector<std::string>& files) {
    for (const std::string& file : files) write_file(folder_ / folder / file, "x");
    std::string text;
    for (const RawClip& raw : read_sound_files(folder_.path(), package).clips) {
      text += raw.clip.id.substr(package.size() + 1) + " " + raw.clip.language + " " +
              raw.clip.speaker + "\n";
    }
    return text;
  }
  TempFolder folder_;
};

TEST_F(ReferenceTest, Hedgewars) {
  EXPECT_EQ(labels("hedgewars-data", "usr/share/games/hedgewars/Data/Sounds/voices",
                   {"British/Ow1.ogg", "Default_es/Ow1.ogg", "Robot/Ow1.ogg", "../steam.ogg"}),
            "British/Ow1 en hedgewars-British\nDefault_es/Ow1 es hedgewars-Default_es\n");
}

TEST_F(ReferenceTest, HedgewarsPhrasesAreKeywordsOfEnglishVoicesAndDividedByVoice) {
  for (const char* file : {"British/Byebye.ogg", "British/Laugh.ogg", "Default_es/Byebye.ogg",
                           "Mobster/Byebye.ogg", "Pirate/Byebye.ogg", "Pirate/Ow2.ogg"})
    write_file(folder_ / "usr/share/games/hedgewars/Data/Sounds/voices" / file, "x");
  std::string text;
  for (const RawClip& raw : read_sound_files(folder_.path(), "hedgewars-data").clips) {
    const Clip& clip = raw.clip;
    text += clip.speaker + " " + clip.keyword + " " + std::string(split_name(clip.split)) + "\n";
  }
  EXPECT_EQ(
      text,
      "hedgewars-British Byebye train\nhedgewars-British  train\nhedgewars-Default_es  train\n"
      "hedgewars-Mobster Byebye dev\nhedgewars-Pirate Byebye test\nhedgewars-Pirate  test\n");
}

TEST_F(ReferenceTest, DigitsAreKeywordsOfTheirLanguage) {
  const std::string folder = "usr/share/asterisk/sounds/es";
  for (const char* file : {"digits/7.gsm", "digits/17.gsm", "digits/es.gsm", "7.gsm"})
    write_file(folder_ / folder / file, "x");
  std::string text;
  for (const RawClip& raw : read_sound_files(folder_.path(), "asterisk-prompt-es-co").clips)
    text += raw.clip.id + "=" + raw.clip.keyword + " " + raw.clip.speaker + "\n";
  EXPECT_EQ(text,
            "asterisk-prompt-es-co/7= es_CO\nasterisk-prompt-es-co/digits/17= es_CO\n"
            "asterisk-prompt-es-co/digits/7=es 7 es_CO\nasterisk-prompt-es-co/digits/es= es_CO\n");
}

TEST_F(ReferenceTest, Klettres) {
  EXPECT_EQ(labels("klettres-data", "usr/share/klettres",
                   {"en_GB/alpha/a.ogg", "nds/alpha/a.ogg", "tn/alpha/a.ogg", "pics/a.png"}),
            "en_GB/alpha/a en klettres-en_GB\nnds/alpha/a nds klettres-nds\n");
}

TEST_F(ReferenceTest, Ktuberling) {
  EXPECT_EQ(labels("ktuberling-data", "usr/share/ktuberling/sounds",
                   {"sr@latin/hat.ogg", "fr/hat.wav", "nn/hat.opus", "fr.soundtheme"}),
            "fr/hat fr ktuberling-fr\nnn/hat nn ktuberling-nn\nsr@latin/hat sr ktuberling-sr\n");
}

TEST_F(ReferenceTest, TuxPaint) {
  EXPECT_EQ(labels("tuxpaint-stamps-default", "usr/share/tuxpaint/stamps",
                   {"food/fig.ogg", "food/fig_desc.ogg", "food/fig_desc_es.ogg",
                    "food/fig_desc_fr.ogg", "food/fig_desc_pt_BR.wav"}),
            "food/fig_desc en \nfood/fig_desc_fr fr \nfood/fig_desc_pt_BR pt \n");
}

TEST_F(ReferenceTest, Drascula) {
  EXPECT_EQ(
      labels("drascula-spanish", "usr/share/scummvm/drascula/es", {"12.ALS", "VB3.ALS", "12.ALG"}),
      "12 es drascula-es-hero\nVB3 es drascula-es-VB\n");
}

TEST_F(ReferenceTest, PromptsAndSyllables) {
  EXPECT_EQ(labels("asterisk-prompt-it-menardi-wav", "usr/share/asterisk/sounds/it_IT_f_Menardi",
                   {"beep.wav", "beeping.wav", "silence/1.wav", "digits/1.wav"}),
            "beeping it it_IT_f_Menardi\ndigits/1 it it_IT_f_Menardi\n");
  EXPECT_EQ(labels("gcin-voice", "usr/share/gcin-voice/ogg", {"ㄅㄚ4/3.ogg"}),
            "ㄅㄚ4/3 zh gcin-3\n");
  EXPECT_EQ(labels("fillets-ng-data-nl", "usr/share/games/fillets-ng/sound",
                   {"share/jokes/nl/a.ogg", "cave/cs/a.ogg"}),
            "share/jokes/nl/a nl \n");
}

}  // namespace
}  // namespace concertina
