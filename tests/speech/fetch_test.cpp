#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>

#include "core/errors.h"
#include "speech/audio.h"
#include "speech/corpus.h"
#include "tests/speech/synthetic_data.h"

namespace concertina {
namespace {

using testing::g722_of;
using ::testing::HasSubstr;
using testing::message_of;
using testing::sine;
using testing::TempFolder;
using testing::write_file;

constexpr const char* kPackage = "asterisk-core-sounds-en-g722";

// A synthetic package of the smoke tier: 20 clips, one of them a duplicate, one too short.
class FetchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto sounds = folder_ / "tree/usr/share/asterisk/sounds/en_US_f_Ann";
    for (int i = 0; i < 20; ++i)
      write_file(sounds / ("clip" + std::to_string(i) + ".g722"),
                 g722_of(sine(200 + 20 * i, 16000)));
    write_file(sounds / "twice.g722", g722_of(sine(200, 16000)));
    write_file(sounds / "beep.g722", g722_of(sine(200, 1000)));
    testing::build_deb(folder_ / "tree", kPackage, "0.0~test", folder_ / "debs");
  }

  CorpusReport fetch(const std::string& tier = "smoke", const StopToken& stop = {}) {
    return fetch_corpus({tier, folder_ / "root", folder_ / "debs"}, stop);
  }

  TempFolder folder_;
};

TEST_F(FetchTest, MakesAManifestOfAPackage) {
  const CorpusReport report = fetch();
  EXPECT_EQ(report.clips, 20);
  EXPECT_EQ(report.duplicates, 1);
  EXPECT_NEAR(report.minutes, 20.0 / 60, 1e-9);
  EXPECT_EQ(report.skipped.size(), 1U);
  ASSERT_EQ(report.packages.size(), 1U);
  EXPECT_EQ(report.packages[0].version, "0.0~test");
  EXPECT_FALSE(report.packages[0].verified);
  EXPECT_EQ(report.packages[0].sha256.size(), 64U);

  const Manifest manifest = read_manifest(report.manifest);
  ASSERT_EQ(manifest.clips.size(), 20U);
  int64_t held_out = 0;
  for (const Clip& clip : manifest.clips) {
    EXPECT_EQ(wav_layout(manifest.audio_path(clip))->samples, clip.samples);
    EXPECT_NE(clip.id, std::string(kPackage) + "/twice");
    held_out += clip.split != Split::kTrain;
  }
  EXPECT_EQ(held_out, 4);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "root/audio" / kPackage / "twice.wav"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "root/unpacked"));
  EXPECT_THAT(testing::read_file(folder_ / "root/skipped.tsv"),
              HasSubstr("beep\tshorter than half a second"));
  EXPECT_THAT(testing::read_file(folder_ / "root/packages.tsv"), HasSubstr("0.0~test"));
}

TEST_F(FetchTest, AFinishedRootIsOnlyRead) {
  const CorpusReport first = fetch();
  std::filesystem::remove_all(folder_ / "debs");
  const CorpusReport second = fetch();
  EXPECT_TRUE(second.already_there);
  EXPECT_EQ(second.clips, first.clips);
  EXPECT_EQ(second.duplicates, first.duplicates);
  EXPECT_EQ(second.skipped.size(), first.skipped.size());
  EXPECT_EQ(second.packages[0].sha256, first.packages[0].sha256);
}

TEST_F(FetchTest, ALostClipIsMadeAgain) {
  fetch();
  const auto clip = folder_ / "root/audio" / kPackage / "clip3.wav";
  std::filesystem::remove(clip);
  EXPECT_FALSE(fetch().already_there);
  EXPECT_TRUE(std::filesystem::exists(clip));
}

TEST_F(FetchTest, AnInterruptedFetchLeavesNoManifestAndGoesOn) {
  StopSource source;
  source.request(StopReason::kInterrupt);
  EXPECT_THROW(fetch("smoke", source.token()), Interrupted);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "root/manifest.tsv"));
  EXPECT_EQ(fetch().clips, 20);
}

TEST_F(FetchTest, RefusesARootThatHoldsSomethingElse) {
  write_file(folder_ / "root/manifest.tsv", "mine");
  EXPECT_THAT(message_of<InputError>([&] { fetch(); }), HasSubstr("did not write"));
  EXPECT_EQ(testing::read_file(folder_ / "root/manifest.tsv"), "mine");
  std::filesystem::remove(folder_ / "root/manifest.tsv");
  fetch();
  EXPECT_THAT(message_of<InputError>([&] { fetch("quickstart"); }),
              HasSubstr("holds tier 'smoke'"));
}

// Of equal clips the first package's is kept, so the order keeps the quickstart's clips whole.
TEST(Tiers, TheReferenceBeginsWithTheQuickstart) {
  const auto quickstart = tier_sources("quickstart");
  const auto reference = tier_sources("reference");
  ASSERT_GT(reference.size(), quickstart.size());
  EXPECT_TRUE(std::equal(quickstart.begin(), quickstart.end(), reference.begin()));
}

TEST(Tiers, LargerOnesReadTheSmallerOnesPackagesInTheirOrder) {
  const std::vector<std::pair<std::string, std::string>> pairs = {
      {"smoke", "small"}, {"small", "medium"}, {"quickstart", "medium"}, {"medium", "reference"}};
  for (const auto& [smaller, larger] : pairs) {
    const auto sources = tier_sources(smaller), of_larger = tier_sources(larger);
    EXPECT_LT(sources.size(), of_larger.size());
    std::vector<std::string> common;
    std::ranges::copy_if(of_larger, std::back_inserter(common), [&](const std::string& name) {
      return std::ranges::count(sources, name) > 0;
    });
    EXPECT_EQ(common, sources) << smaller << " in " << larger;
  }
}

TEST_F(FetchTest, SaysWhatIsMissingOrDamaged) {
  EXPECT_THAT(message_of<InputError>([&] { fetch("smoek"); }), HasSubstr("did you mean 'smoke'?"));
  const auto deb = folder_ / "debs" / (std::string(kPackage) + "_0.0~test_all.deb");
  std::filesystem::resize_file(deb, 300);
  EXPECT_THAT(message_of<InputError>([&] { fetch(); }), HasSubstr(deb.string()));
  std::filesystem::remove(deb);
  EXPECT_THAT(message_of<SystemError>([&] { fetch(); }),
              HasSubstr("holds no asterisk-core-sounds-en-g722_*.deb"));
  std::filesystem::remove_all(folder_ / "debs");
  EXPECT_THROW(fetch(), SystemError);
}

}  // namespace
}  // namespace concertina
