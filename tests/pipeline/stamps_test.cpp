#include "pipeline/stamps.h"

#include "core/files.h"
#include "core/hash.h"
#include "tests/pipeline/fixtures.h"

namespace concertina {
namespace {

using StampsTest = testing::InFolder;

Stage stage(const std::string& name, const std::string& settings,
            std::vector<std::string> inputs = {}) {
  return {
      .name = name, .settings = settings, .inputs = std::move(inputs), .outputs = {}, .run = {}};
}

// Runs made before stay up to date: the hash and the file are as they always were.
TEST_F(StampsTest, FormatIsFixed) {
  Stamps stamps(folder_);
  const Stage first = stage("first", "a: 1\n"), second = stage("second", "", {"first"});
  const std::string hash = stamps.add(first);
  EXPECT_EQ(hash, sha256("format 1\nfirst\na: 1\n\n"));
  EXPECT_EQ(stamps.add(second), sha256("format 1\nsecond\n\n" + hash + "\n"));
  stamps.set_started(first);
  EXPECT_EQ(read_text(folder_ / "first"), hash + " started\n");
  stamps.set_done(first);
  EXPECT_EQ(read_text(folder_ / "first"), hash + " done\n");
}

TEST_F(StampsTest, AnUnchangedStageIsUpToDate) {
  const Stage a = stage("a", "x");
  {
    Stamps stamps(folder_);
    stamps.add(a);
    EXPECT_FALSE(stamps.is_up_to_date(a));
    stamps.set_done(a);
  }
  Stamps stamps(folder_);
  stamps.add(a);
  EXPECT_TRUE(stamps.is_up_to_date(a));
  EXPECT_FALSE(stamps.is_started(a));
}

TEST_F(StampsTest, AChangedKeyMakesAStageAndItsDependentsStale) {
  const Stage a = stage("a", "x"), b = stage("b", "y", {"a"}), c = stage("c", "z");
  {
    Stamps stamps(folder_);
    for (const Stage& each : {a, b, c}) {
      stamps.add(each);
      stamps.set_done(each);
    }
  }
  Stamps stamps(folder_);
  const Stage changed = stage("a", "other");
  for (const Stage& each : {changed, b, c}) stamps.add(each);
  EXPECT_FALSE(stamps.is_up_to_date(changed));
  EXPECT_FALSE(stamps.is_up_to_date(b));
  EXPECT_TRUE(stamps.is_up_to_date(c));
}

TEST_F(StampsTest, AnInterruptedStageIsStartedWhileItsSettingsStay) {
  const Stage a = stage("a", "x"), changed = stage("a", "other");
  Stamps stamps(folder_);
  stamps.add(a);
  stamps.set_started(a);
  EXPECT_TRUE(stamps.is_started(a));
  EXPECT_FALSE(stamps.is_up_to_date(a));
  stamps.add(changed);
  EXPECT_FALSE(stamps.is_started(changed));
}

TEST_F(StampsTest, AMissingOutputMakesAStageStale) {
  Stage a = stage("a", "x");
  a.outputs = {folder_ / "output"};
  Stamps stamps(folder_ / "stamps");
  stamps.add(a);
  stamps.set_done(a);
  EXPECT_FALSE(stamps.is_up_to_date(a));
  write_atomically(folder_ / "output", "");
  EXPECT_TRUE(stamps.is_up_to_date(a));
}

TEST_F(StampsTest, ContentCountsForDependentsAlone) {
  std::optional<std::string> content;
  Stage a = stage("a", "x");
  a.content = [&] { return content; };
  const Stage b = stage("b", "", {"a"});
  Stamps stamps(folder_);
  const std::string hash = stamps.add(a);
  EXPECT_EQ(stamps.add(b), sha256("format 1\nb\n\n" + hash + "\n")) << "while there is none";
  content = "0123";
  EXPECT_EQ(stamps.add(b), sha256("format 1\nb\n\n" + sha256(hash + "0123") + "\n"));
  EXPECT_EQ(stamps.add(a), hash);
}

TEST_F(StampsTest, FilesThatAConfigNamesCountByContent) {
  EXPECT_EQ(content_hash(""), "");
  write_atomically(folder_ / "file", "abc");
  EXPECT_EQ(content_hash(folder_ / "file"), sha256("abc"));
}

}  // namespace
}  // namespace concertina
