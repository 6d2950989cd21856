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

class FairseqManifest : public ::testing::Test {
 protected:
  FairseqManifest() {
    write_sound(folder_ / "data/ann/a.flac", sine(300, 16000, 32000), 32000, 1,
                SF_FORMAT_FLAC | SF_FORMAT_PCM_16);
    std::filesystem::create_directories(folder_ / "data/bob");
    write_wav(folder_ / "data/bob/b.wav", sine(400, 9000));
    write_wav(folder_ / "data/c.wav", sine(500, 9000));
  }
  void write_lists(const std::string& name) {
    write_file(folder_ / ("lists/" + name + ".tsv"),
               (folder_ / "data").string() + "\nann/a.flac\t16000\nbob/b.wav\t9000\n");
  }
  Manifest scan(const std::vector<std::filesystem::path>& inputs) {
    report_ = scan_corpus({.inputs = inputs, .manifest = folder_ / "m.tsv"}, {});
    return read_manifest(folder_ / "m.tsv");
  }
  std::string refused(const std::string& lines) {
    write_file(folder_ / "bad.tsv", lines);
    return message_of<Error>([&] { scan({folder_ / "bad.tsv"}); });
  }
  TempFolder folder_;
  CorpusReport report_;
};

TEST_F(FairseqManifest, NamesClipsBelowItsRoot) {
  write_lists("valid");
  write_file(folder_ / "lists/valid.ltr", "H E L L O | Y O U |\nS O |\n");
  const Manifest manifest = scan({folder_ / "lists/valid.tsv"});
  ASSERT_EQ(manifest.clips.size(), 2U);
  EXPECT_EQ(manifest.clips[0].id, "ann/a");
  EXPECT_EQ(manifest.clips[0].samples, 8000);  // at 16 kHz
  EXPECT_EQ(manifest.clips[0].path, "m.audio/ann/a.wav");
  EXPECT_EQ(manifest.clips[0].speaker, "ann");
  EXPECT_EQ(manifest.clips[0].source, "data");
  EXPECT_EQ(manifest.clips[0].text, "HELLO YOU");
  EXPECT_EQ(manifest.clips[0].split, Split::kDev);
  EXPECT_EQ(manifest.clips[1].path, "data/bob/b.wav");  // ready, named where it is
}

TEST_F(FairseqManifest, SeveralAreOneCorpus) {
  write_lists("train");
  write_file(folder_ / "lists/train.wrd", "one\ntwo words\n");
  write_file(folder_ / "lists/test.tsv", "../data\nc.wav\t9000\nmissing.wav\t9000\n");
  const Manifest manifest = scan({folder_ / "lists/train.tsv", folder_ / "lists/test.tsv"});
  ASSERT_EQ(manifest.clips.size(), 3U);
  EXPECT_EQ(manifest.clips[1].id, "train/bob/b");
  EXPECT_EQ(manifest.clips[1].text, "two words");
  EXPECT_EQ(manifest.clips[1].split, Split::kTrain);
  EXPECT_EQ(manifest.clips[2].id, "test/c");
  EXPECT_EQ(manifest.clips[2].speaker, "");
  EXPECT_EQ(manifest.clips[2].split, Split::kTest);
  ASSERT_EQ(report_.skipped.size(), 1U);
  EXPECT_THAT(report_.skipped[0].reason, HasSubstr("missing.wav: No such file"));
}

TEST_F(FairseqManifest, WhatIsNoneIsRefusedWithItsLine) {
  EXPECT_THAT(refused("id\tpath\tsamples\n"), HasSubstr("bad.tsv:1: not a fairseq manifest"));
  EXPECT_THAT(refused(""), HasSubstr("bad.tsv:1: not a fairseq manifest"));
  EXPECT_THAT(refused("/nowhere\na.wav\t1\n"), HasSubstr("bad.tsv:1: no such folder: /nowhere"));
  EXPECT_THAT(refused("data\nc.wav 9000\n"), HasSubstr("bad.tsv:2: expected PATH, a tab"));
  EXPECT_THAT(refused("data\nc.wav\tlong\n"), HasSubstr("bad.tsv:2: expected PATH, a tab"));
  write_file(folder_ / "bad.wrd", "one\ntwo\n");
  EXPECT_THAT(refused("data\nc.wav\t9000\n"),
              HasSubstr("bad.wrd has 2 lines for the 1 clips of bad.tsv"));
}

}  // namespace
}  // namespace concertina
