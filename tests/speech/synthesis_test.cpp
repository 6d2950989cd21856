// Clips and labels of synthetic speech; the engines are stand-ins here, and at the end the real
// ones, where they are installed.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sndfile.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "core/errors.h"
#include "core/hash.h"
#include "speech/phones.h"
#include "speech/synthesis/engines.h"
#include "speech/synthesis/synthesize.h"
#include "tests/speech/synthetic_data.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using testing::TempFolder;

std::vector<SyntheticClip> clips_that(const std::function<bool(const SyntheticClip&)>& wanted) {
  std::vector<SyntheticClip> found;
  std::ranges::copy_if(synthetic_clips(), std::back_inserter(found), wanted);
  return found;
}

TEST(FlitePhones, AreParsed) {
  const auto segments = parse_flite_phones("pau:0.220 t:0.328 er:0.434 \n");
  ASSERT_EQ(segments.size(), 3U);
  EXPECT_EQ(segments[1].label, "t");
  EXPECT_DOUBLE_EQ(segments[2].end_s, 0.434);
}

TEST(FlitePhones, OtherOutputIsAnError) {
  for (const char* line : {"", "usage: flite", "t:0.3 n:0.2", "t:nan", ":0.3", "t:", "t:0.3x"})
    EXPECT_THAT(message_of<InputError>([&] { parse_flite_phones(line); }),
                HasSubstr("PHONE:END-TIME"))
        << line;
}

std::string written(const std::vector<PhoneSegment>& segments) {
  std::string text;
  for (const PhoneSegment& s : segments) text += fmt::format("{}:{:.2f} ", s.label, s.end_s);
  return text;
}

TEST(PlainPhones, SchwaIsAhAndTheLastPauseEndsWithTheClip) {
  const std::vector<PhoneSegment> kal = {
      {0.1, "pau"}, {0.2, "ax"}, {0.3, "er"}, {0.4, "r"}, {0.7, "pau"}};
  EXPECT_EQ(written(plain_phones(kal, SpeechEngine::kFlite, 0.6)),
            "pau:0.10 ah:0.20 er:0.30 r:0.40 pau:0.60 ");
  EXPECT_EQ(written(plain_phones(kal, SpeechEngine::kFlite, 0.9)),
            "pau:0.10 ah:0.20 er:0.30 r:0.40 pau:0.90 ");
}

TEST(PlainPhones, FestivalsErTakesOneRAlong) {
  const std::vector<PhoneSegment> ked = {
      {0.1, "er"}, {0.2, "r"}, {0.3, "r"}, {0.4, "eh"}, {0.5, "r"}};
  EXPECT_EQ(written(plain_phones(ked, SpeechEngine::kFestival, 0.5)),
            "er:0.20 r:0.30 eh:0.40 r:0.50 ");
}

TEST(PlainPhones, AnUnknownPhoneIsAnError) {
  EXPECT_EQ(message_of<InputError>([] { plain_phones({{0.1, "q"}}, SpeechEngine::kFlite, 1); }),
            "unknown phone 'q'");
}

TEST(PhoneLabels, WhatIsWrittenIsRead) {
  const TempFolder folder;
  const std::vector<PhoneSegment> segments = {{0.22, "pau"}, {0.3105, "t"}};
  write_phones(folder / "a.lab", segments);
  EXPECT_EQ(written(read_phones(folder / "a.lab")), written(segments));
  EXPECT_THROW(write_phones(folder / "none/a.lab", segments), SystemError);
}

TEST(FestivalScript, SetsVoiceRateAndFiles) {
  auto clips = clips_that([](const SyntheticClip& clip) { return clip.voice->speaker == "ked"; });
  clips.resize(1);
  clips[0].text.words = "the old boat";
  clips[0].stretch_percent = 112;
  EXPECT_EQ(festival_script(clips),
            "(voice_ked_diphone)\n(Parameter.set 'Duration_Stretch 1.12)\n"
            "(set! said (SynthText \"the old boat\"))\n"
            "(utt.save.wave said \"0.wav\" 'riff)\n(utt.save.segs said \"0.lab\")\n");
}

// PATH is a folder with these programs and the system's.
class StandInEngines : public ::testing::Test {
 protected:
  void SetUp() override {
    old_path_ = std::getenv("PATH");
    fs::create_directories(folder_ / "bin");
    testing::write_sound(folder_ / "low.wav", testing::sine(200, 8000), 16000, 1,
                         SF_FORMAT_WAV | SF_FORMAT_PCM_16);
    testing::write_sound(folder_ / "high.wav", testing::sine(900, 11025, 22050), 22050, 1,
                         SF_FORMAT_WAV | SF_FORMAT_PCM_16);
    program("flite",
            "if [ \"$1\" = -lv ]; then echo 'Voices available: kal awb_time kal16 awb rms slt'; "
            "exit; fi\n"
            "while [ $# -gt 0 ]; do [ \"$1\" = -o ] && cp low.wav \"$2\"; shift; done\n"
            "echo 'pau:0.100 hh:0.200 ax:0.300 pau:0.600 '\n");
    program("espeak-ng",
            "while [ $# -gt 0 ]; do [ \"$1\" = -w ] && cp high.wav \"$2\"; shift; done\n");
    program("festival",
            "case \"$2\" in *voice.list*) echo '(ked_diphone kal_diphone)';;\n"
            "*) cp low.wav 0.wav; printf '#\\n0.2 100 pau\\n0.3 100 er\\n0.4 100 r\\n' > 0.lab;; "
            "esac\n");
  }
  void TearDown() override { setenv("PATH", old_path_.c_str(), 1); }

  void use(const std::string& path) { setenv("PATH", path.c_str(), 1); }
  void use_all() { use((folder_ / "bin").string() + ":" + old_path_); }

  void program(const std::string& name, std::string script) {
    for (const char* sound : {"low.wav", "high.wav"}) {
      for (size_t at = script.find(std::string(" ") + sound); at != std::string::npos;
           at = script.find(std::string(" ") + sound))
        script.replace(at + 1, std::string(sound).size(), (folder_ / sound).string());
    }
    testing::write_file(folder_ / "bin" / name, "#!/bin/sh\n" + script);
    fs::permissions(folder_ / "bin" / name, fs::perms::owner_all);
  }

  // A sentence and a keyword of awb, a command of espeak-ng, a sentence of ked.
  static std::vector<SyntheticClip> few() {
    std::vector<SyntheticClip> few;
    for (const auto& [kind, speaker] :
         {std::pair(TextKind::kSentence, "awb"), std::pair(TextKind::kKeyword, "rms"),
          std::pair(TextKind::kCommand, "espeak"), std::pair(TextKind::kSentence, "ked")})
      few.push_back(clips_that([&](const SyntheticClip& clip) {
                      return clip.text.kind == kind && clip.voice->speaker == speaker;
                    }).front());
    return few;
  }

  TempFolder folder_;
  std::string old_path_;
};

TEST_F(StandInEngines, ClipsHaveTheColumnsOfTheirKind) {
  use_all();
  auto clips = few();
  clips[1].text.keyword = "";  // its samples are those of the first: a duplicate
  const CollectedClips made = synthesize_clips(clips, folder_ / "root", {});
  EXPECT_EQ(made.duplicates, 2);
  ASSERT_EQ(made.clips.size(), 2U);
  const Clip& sentence = made.clips[0];
  EXPECT_EQ(sentence.id, "sentences/000-awb");
  EXPECT_EQ(sentence.source, "synthetic-flite");
  EXPECT_EQ(sentence.samples, 8000);
  EXPECT_FALSE(sentence.text.empty());
  EXPECT_EQ(written(read_phones(folder_ / "root" / sentence.phones)),
            "pau:0.10 hh:0.20 ah:0.30 pau:0.50 ");
  const Clip& command = made.clips[1];
  EXPECT_EQ(command.source, "synthetic-espeak-ng");
  EXPECT_EQ(command.samples, 8000);
  EXPECT_EQ(command.intent, "activate lights kitchen");
  EXPECT_THAT(command.slots,
              AllOf(HasSubstr("<object>lights</object>"), HasSubstr("<place>kitchen</place>")));
  EXPECT_TRUE(command.phones.empty());
  EXPECT_TRUE(fs::exists(folder_ / "root" / command.path));
  EXPECT_FALSE(fs::exists(folder_ / "root/spoken"));
}

TEST_F(StandInEngines, AKeywordIsNoText) {
  use_all();
  const CollectedClips made = synthesize_clips(std::vector{few()[1]}, folder_ / "root", {});
  ASSERT_EQ(made.clips.size(), 1U);
  EXPECT_EQ(made.clips[0].keyword, "yes");
  EXPECT_EQ(made.clips[0].text, "");
  EXPECT_EQ(made.clips[0].split, Split::kDev);
  EXPECT_EQ(made.clips[0].group, "keywords/rms");
}

TEST_F(StandInEngines, FestivalsPhonesArePlain) {
  use_all();
  const CollectedClips made = synthesize_clips(std::vector{few()[3]}, folder_ / "root", {});
  ASSERT_EQ(made.clips.size(), 1U);
  EXPECT_EQ(written(read_phones(folder_ / "root" / made.clips[0].phones)), "pau:0.20 er:0.40 ");
}

TEST_F(StandInEngines, AMissingProgramNamesThePackages) {
  fs::remove(folder_ / "bin/espeak-ng");
  use((folder_ / "bin").string() + ":/no-such-folder");
  // The stand-ins find their own commands without PATH.
  program("flite", "echo 'Voices available: kal16 awb rms slt'\n");
  const std::string message =
      message_of<SystemError>([&] { synthesize_corpus(folder_ / "root", {}); });
  EXPECT_THAT(message,
              AllOf(HasSubstr("espeak-ng is not installed"),
                    HasSubstr("apt-get install --no-install-recommends espeak-ng flite festival")));
  EXPECT_FALSE(fs::exists(folder_ / "root"));
}

TEST_F(StandInEngines, AMissingVoiceNamesThePackages) {
  program("festival", "echo '(kal_diphone)'\n");
  use_all();
  EXPECT_THAT(message_of<SystemError>([] { installed_engines({}); }),
              AllOf(HasSubstr("festival has no voice ked_diphone"), HasSubstr("festvox-kdlpc16k")));
  program("flite", "echo 'Voices available: kal awb_time kal16 rms slt'\n");
  EXPECT_THAT(message_of<SystemError>([] { installed_engines({}); }),
              HasSubstr("flite has no voice awb,"));
}

TEST_F(StandInEngines, AFailureIsTheProgramsMessage) {
  use_all();
  program("espeak-ng", "echo 'no such voice' >&2; exit 3\n");
  EXPECT_THAT(message_of<SystemError>([&] { synthesize_clips(few(), folder_ / "root", {}); }),
              AllOf(HasSubstr("exit status 3"), HasSubstr("no such voice")));
}

TEST_F(StandInEngines, UnreadablePhonesNameTheClip) {
  use_all();
  program(
      "flite",
      "while [ $# -gt 0 ]; do [ \"$1\" = -o ] && cp low.wav \"$2\"; shift; done; echo 'hello'\n");
  const std::vector one{few()[0]};  // of several, any may fail first
  EXPECT_THAT(message_of<SystemError>([&] { synthesize_clips(one, folder_ / "root", {}); }),
              AllOf(HasSubstr("sentences/000-awb"), HasSubstr("hello")));
}

TEST_F(StandInEngines, StopsWhenTold) {
  use_all();
  StopSource source;
  source.request(StopReason::kInterrupt);
  EXPECT_THROW(synthesize_clips(few(), folder_ / "root", source.token()), Interrupted);
}

TEST_F(StandInEngines, AFolderWithAnotherCorpusIsKept) {
  testing::write_file(folder_ / "root/corpus.stamp", "tier=smoke\nformat=1\nstate=complete\n");
  EXPECT_THAT(message_of<InputError>([&] { synthesize_corpus(folder_ / "root", {}); }),
              HasSubstr("holds tier 'smoke', not 'synthetic'"));
}

// The programs themselves, where they are installed.
class Engines : public ::testing::Test {
 protected:
  void SetUp() override {
    try {
      installed_engines({});
    } catch (const SystemError& error) {
      GTEST_SKIP() << error.what();
    }
  }
  // Two clips of each voice.
  static std::vector<SyntheticClip> some() {
    std::map<std::string_view, int> said;
    return clips_that([&](const SyntheticClip& clip) {
      return clip.text.kind == TextKind::kSentence && said[clip.voice->speaker]++ < 2;
    });
  }
};

TEST_F(Engines, GiveTheSameBytesEachTime) {
  const TempFolder folder;
  for (const char* root : {"a", "b"}) synthesize_clips(some(), folder / root, {});
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder / "a")) {
    if (!entry.is_regular_file()) continue;
    ++files;
    EXPECT_EQ(sha256_file(entry.path()),
              sha256_file(folder / "b" / fs::relative(entry.path(), folder / "a").string()))
        << entry.path();
  }
  EXPECT_EQ(files, 22);  // 12 WAVs, 10 labels
}

TEST_F(Engines, LabelsAreOfTheClip) {
  const TempFolder folder;
  for (const Clip& clip : synthesize_clips(some(), folder / "root", {}).clips) {
    EXPECT_GT(clip.samples, kClipSampleRate) << clip.id;
    if (clip.phones.empty()) continue;
    const auto segments = read_phones(folder / "root" / clip.phones);
    EXPECT_GT(segments.size(), 15U) << clip.id;
    EXPECT_EQ(segments.front().label, "pau") << clip.id;
    EXPECT_NEAR(segments.back().end_s, static_cast<double>(clip.samples) / kClipSampleRate, 1e-3);
  }
}

}  // namespace
}  // namespace concertina
