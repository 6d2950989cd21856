#include "speech/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "core/errors.h"
#include "speech/audio.h"
#include "tests/speech/synthetic_data.h"

namespace concertina {
namespace {

using ::testing::HasSubstr;
using testing::message_of;
using testing::TempFolder;
using testing::write_file;

Clip clip_named(const std::string& id) {
  Clip clip;
  clip.id = id;
  clip.path = "audio/" + id + ".wav";
  clip.samples = 960000;
  clip.speaker = "s";
  clip.language = "ru";
  clip.text = "да\tи\nнет";
  clip.phones = "phones/" + id + ".lab";
  clip.keyword = "yes";
  clip.intent = "agree";
  clip.emotion = "neutral";
  clip.slots = "<answer>да</answer> и нет";
  clip.source = "festvox-ru";
  clip.group = id;
  clip.split = Split::kTest;
  return clip;
}

TEST(Manifest, ReadsWhatItWrote) {
  const TempFolder folder;
  write_manifest({folder.path(), {clip_named("a"), clip_named("b/c")}}, folder / "m.tsv");
  const Manifest manifest = read_manifest(folder / "m.tsv");
  ASSERT_EQ(manifest.clips.size(), 2U);
  const Clip& clip = manifest.clips[1];
  EXPECT_EQ(clip.id, "b/c");
  EXPECT_EQ(clip.text, "да и нет");
  EXPECT_EQ(clip.samples, 960000);
  EXPECT_EQ(clip.language, "ru");
  EXPECT_EQ(clip.keyword, "yes");
  EXPECT_EQ(clip.intent, "agree");
  EXPECT_EQ(clip.emotion, "neutral");
  EXPECT_EQ(clip.slots, "<answer>да</answer> и нет");
  EXPECT_EQ(clip.source, "festvox-ru");
  EXPECT_EQ(clip.split, Split::kTest);
  EXPECT_EQ(manifest.audio_path(clip), folder / "audio/b/c.wav");
  EXPECT_EQ(manifest.phones_path(clip), folder / "phones/b/c.lab");
  EXPECT_DOUBLE_EQ(manifest.minutes(), 2);
}

TEST(Manifest, TakesColumnsInAnyOrderAndWindowsLineEnds) {
  const TempFolder folder;
  write_file(folder / "m.tsv", "samples\tpath\tid\r\n7\tx.wav\tx\r\n");
  const Manifest manifest = read_manifest(folder / "m.tsv");
  ASSERT_EQ(manifest.clips.size(), 1U);
  EXPECT_EQ(manifest.clips[0].id, "x");
  EXPECT_EQ(manifest.clips[0].samples, 7);
  EXPECT_EQ(manifest.clips[0].split, Split::kTrain);
}

TEST(Manifest, FingerprintSeesIdsSizesAndSplits) {
  Manifest manifest{{}, {clip_named("a")}};
  const std::string before = manifest.fingerprint();
  manifest.folder = "/elsewhere";
  manifest.clips[0].text = "other";
  EXPECT_EQ(manifest.fingerprint(), before);
  manifest.clips[0].split = Split::kDev;
  EXPECT_NE(manifest.fingerprint(), before);
}

std::string fingerprint_of(const std::filesystem::path& path) {
  return read_manifest(path).fingerprint();
}

void write_sound(const std::filesystem::path& path, float first) {
  const std::vector<float> samples = {first, 0.25F, -0.5F};
  write_wav(path, samples);
}

void set_age(const std::filesystem::path& path, int seconds) {
  std::filesystem::last_write_time(
      path, std::filesystem::file_time_type::clock::now() - std::chrono::seconds(seconds));
}

TEST(Manifest, FingerprintSeesAudioThatChanged) {
  const TempFolder folder;
  Clip clip = clip_named("a");
  clip.path = "a.wav";
  write_sound(folder / "a.wav", 0.5F);
  clip.hash = pcm_hash(std::vector<float>{0.5F, 0.25F, -0.5F});
  set_age(folder / "a.wav", 100);
  write_manifest({folder.path(), {clip}}, folder / "m.tsv");
  const std::string before = fingerprint_of(folder / "m.tsv");
  EXPECT_EQ(read_manifest(folder / "m.tsv").clips[0].hash, clip.hash);

  set_age(folder / "a.wav", -100);  // a copy: newer, but the same
  EXPECT_EQ(fingerprint_of(folder / "m.tsv"), before);
  write_sound(folder / "a.wav", 0.75F);
  set_age(folder / "a.wav", -100);
  EXPECT_NE(fingerprint_of(folder / "m.tsv"), before);
}

TEST(Manifest, SizeAndTimeStandInForAHash) {
  const TempFolder folder;
  write_sound(folder / "x.wav", 0.5F);
  set_age(folder / "x.wav", 100);
  write_file(folder / "m.tsv", "id\tpath\tsamples\nx\tx.wav\t3\n");
  const std::string before = fingerprint_of(folder / "m.tsv");
  EXPECT_EQ(fingerprint_of(folder / "m.tsv"), before);
  set_age(folder / "x.wav", 50);
  EXPECT_NE(fingerprint_of(folder / "m.tsv"), before);
}

TEST(Manifest, NamesLineAndColumnOfWhatIsWrong) {
  const TempFolder folder;
  const auto message = [&](const std::string& text) {
    write_file(folder / "m.tsv", text);
    return message_of<InputError>([&] { read_manifest(folder / "m.tsv"); });
  };
  const std::string head = "id\tpath\tsamples\tsplit\n";
  EXPECT_THAT(message(head + "a\ta.wav\t9\ttrain\nb\tb.wav\tmany\ttrain\n"),
              HasSubstr("m.tsv:3: column 'samples': 'many'"));
  EXPECT_THAT(message(head + "a\ta.wav\t-9\ttrain\n"),
              HasSubstr("'-9' is not a number of samples"));
  EXPECT_THAT(message(head + "a\ta.wav\t9\ttrian\n"), HasSubstr("did you mean 'train'?"));
  EXPECT_THAT(message(head + "a\ta.wav\t9\n"),
              HasSubstr("m.tsv:2: 3 columns where the header has 4"));
  EXPECT_THAT(message(head + "a\ta.wav\t9\ttrain\na\tb.wav\t9\ttrain\n"),
              HasSubstr("m.tsv:3: column 'id': duplicate value 'a'"));
  EXPECT_THAT(message(head + "\ta.wav\t9\ttrain\n"), HasSubstr("column 'id': is empty"));
  EXPECT_THAT(message("id\tpath\tsamples\tspeeker\n"), HasSubstr("did you mean 'speaker'?"));
  EXPECT_THAT(message("id\tpath\n"), HasSubstr("column 'samples' is missing"));
  EXPECT_THAT(message(""), HasSubstr("empty (0 bytes)"));
  EXPECT_THROW(read_manifest(folder / "missing.tsv"), SystemError);
}

// A corpus of clips a, b and c in folder /corpus.
Manifest small_corpus() { return {"/corpus", {clip_named("a"), clip_named("b"), clip_named("c")}}; }

TEST(ClipList, ReplacesTheColumnsThatItHas) {
  const TempFolder folder;
  write_file(folder / "sid.tsv", "split\tid\tspeaker\ntrain\tc\tann\ndev\ta\t\n");
  const Manifest list = read_clips(folder / "sid.tsv", small_corpus());
  ASSERT_EQ(list.clips.size(), 2U);
  EXPECT_EQ(list.clips[0].id, "c");
  EXPECT_EQ(list.clips[0].split, Split::kTrain);
  EXPECT_EQ(list.clips[0].speaker, "ann");
  EXPECT_EQ(list.clips[0].language, "ru");
  EXPECT_EQ(list.clips[0].samples, 960000);
  EXPECT_EQ(list.clips[1].split, Split::kDev);
  EXPECT_EQ(list.clips[1].speaker, "");
  EXPECT_EQ(list.audio_path(list.clips[0]), "/corpus/audio/c.wav");
  EXPECT_EQ(list.phones_path(list.clips[0]), "/corpus/phones/c.lab");
}

TEST(ClipList, FindsItsPhonesBesideItself) {
  const TempFolder folder;
  write_file(folder / "pr.tsv", "id\tphones\nb\tb.lab\na\t\n");
  const Manifest list = read_clips(folder / "pr.tsv", small_corpus());
  EXPECT_EQ(list.phones_path(list.clips.at(0)), folder / "b.lab");
  EXPECT_EQ(list.clips.at(1).phones, "");
}

TEST(ClipList, WithPathsItIsAManifestOfItsOwn) {
  const TempFolder folder;
  write_file(folder / "m.tsv", "id\tpath\tsamples\tkeyword\na\tx.wav\t7\tstop\n");
  const Manifest own = read_clips(folder / "m.tsv", small_corpus());
  ASSERT_EQ(own.clips.size(), 1U);
  EXPECT_EQ(own.audio_path(own.clips[0]), folder / "x.wav");
  EXPECT_EQ(own.clips[0].keyword, "stop");
  EXPECT_EQ(own.clips[0].language, "");
}

TEST(ClipList, NamesLineAndColumnOfWhatIsWrong) {
  const TempFolder folder;
  const auto message = [&](const std::string& text) {
    write_file(folder / "l.tsv", text);
    return message_of<InputError>([&] { read_clips(folder / "l.tsv", small_corpus()); });
  };
  EXPECT_THAT(message("id\tsplit\na\tdev\nd\tdev\n"),
              HasSubstr("l.tsv:3: column 'id': the corpus has no clip 'd'"));
  EXPECT_THAT(message("id\tsplit\na\tdev\na\tdev\n"),
              HasSubstr("l.tsv:3: column 'id': duplicate value 'a'"));
  EXPECT_THAT(message("id\tsplit\na\tdove\n"), HasSubstr("l.tsv:2: column 'split': 'dove'"));
  EXPECT_THAT(message("speaker\tsplit\na\tdev\n"), HasSubstr("column 'id' is missing"));
  EXPECT_THAT(message("id\tsamples\na\t5\n"), HasSubstr("column 'path' is missing"));
}

TEST(Manifest, AByteOrderMarkIsNoPartOfTheHeader) {
  const TempFolder folder;
  write_file(folder / "m.tsv", "\xEF\xBB\xBFid\tpath\tsamples\na\ta.wav\t9\n");
  EXPECT_EQ(read_manifest(folder / "m.tsv").clips.at(0).id, "a");
}

TEST(Phones, ReadsFestvoxLabels) {
  const TempFolder folder;
  write_file(folder / "a.lab", "separator ;\n#\n0.5 125 pau\n0.602 125 e\n0.76200 \t125 gg\n");
  const auto phones = read_phones(folder / "a.lab");
  ASSERT_EQ(phones.size(), 3U);
  EXPECT_DOUBLE_EQ(phones[1].end_s, 0.602);
  EXPECT_EQ(phones[2].label, "gg");
}

TEST(Phones, ReadsPlainLabelsAndRefusesTimesThatFall) {
  const TempFolder folder;
  write_file(folder / "a.lab", "0.5 a\n1.0 b\n");
  EXPECT_EQ(read_phones(folder / "a.lab").size(), 2U);
  for (const std::string bad : {"0.5 a\n0.4 b\n", "x a\n", "0.5\n", "nan 125 a\n"}) {
    write_file(folder / "b.lab", bad);
    EXPECT_THAT(message_of<InputError>([&] { read_phones(folder / "b.lab"); }), HasSubstr("b.lab:"))
        << bad;
  }
}

}  // namespace
}  // namespace concertina
