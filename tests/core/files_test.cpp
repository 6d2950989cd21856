#include "core/files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/errors.h"
#include "core/folder_lock.h"
#include "core/hash.h"
#include "core/lost_mapping.h"
#include "core/mapped_file.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class Files : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) / ("files_test_" + std::to_string(getpid()));
    make_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  size_t file_count() const {
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }
  fs::path folder_;
};

template <class F>
std::string system_error(F&& action) {
  try {
    action();
  } catch (const SystemError& error) {
    return error.what();
  }
  return "no SystemError";
}

// What killed processes left goes with the next run; what living ones write stays.
TEST_F(Files, AbandonedTemporariesGo) {
  const auto old_file = [&](const std::string& name) {
    append_bytes(folder_ / name, "half");
    fs::last_write_time(folder_ / name, fs::file_time_type::clock::now() - std::chrono::hours(1));
    return folder_ / name;
  };
  const fs::path dead = old_file(".a.npy.1-2-3.tmp"), other = old_file(".b.npy.1-2-3.tmp"),
                 living = old_file(".a.npy.4-5-6.tmp"), precious = old_file("a.npy.tmp");
  const int held = ::open(living.c_str(), O_RDONLY);
  ASSERT_EQ(::flock(held, LOCK_EX), 0);
  append_bytes(folder_ / ".a.npy.7-8-9.tmp", "young");
  remove_abandoned(folder_ / "a.npy");
  EXPECT_FALSE(fs::exists(dead));
  for (const fs::path& kept : {other, living, precious, folder_ / ".a.npy.7-8-9.tmp"})
    EXPECT_TRUE(fs::exists(kept)) << kept;
  remove_abandoned(folder_);
  EXPECT_FALSE(fs::exists(other));
  EXPECT_TRUE(fs::exists(living));
  ::close(held);
}

TEST_F(Files, AWriterHoldsItsTemporary) {
  write_atomically(folder_ / "x", [&](std::ostream& out) {
    out << "y";
    for (const auto& entry : fs::directory_iterator(folder_))
      fs::last_write_time(entry, fs::file_time_type::clock::now() - std::chrono::hours(1));
    remove_abandoned(folder_ / "x");
  });
  EXPECT_EQ(read_text(folder_ / "x"), "y");
}

TEST_F(Files, EndlessDevicesAreBounded) {
  EXPECT_THROW(read_text("/dev/zero"), InputError);
  EXPECT_THAT(system_error([] { sha256_file("/dev/zero"); }), HasSubstr("no regular file"));
  EXPECT_EQ(read_text("/dev/null"), "");
}

TEST_F(Files, WritesAndReadsBack) {
  const std::string big(300'000, 'x');
  write_atomically(folder_ / "a", "one");
  EXPECT_EQ(read_text(folder_ / "a"), "one");
  write_atomically(folder_ / "a", [&](std::ostream& out) { out << 'h' << big << 42 << '\n'; });
  EXPECT_EQ(read_text(folder_ / "a"), "h" + big + "42\n");
  EXPECT_EQ(file_count(), 1u);
}

TEST_F(Files, AFailingWriterLeavesTheOldFileAndNoOther) {
  write_atomically(folder_ / "a", "old");
  EXPECT_THROW(write_atomically(folder_ / "a",
                                [](std::ostream& out) {
                                  out << "half";
                                  throw std::runtime_error("stop");
                                }),
               std::runtime_error);
  EXPECT_EQ(read_text(folder_ / "a"), "old");
  EXPECT_EQ(file_count(), 1u);
}

TEST_F(Files, LeftoversOfAKilledWriterGoAndNothingElse) {
  for (const char* name : {".a.safetensors.12-ff-0.tmp", ".keep", "b.tmp", "c"}) {
    write_atomically(folder_ / name, "x");
  }
  remove_leftovers(folder_);
  EXPECT_EQ(file_count(), 3u);
  EXPECT_FALSE(fs::exists(folder_ / ".a.safetensors.12-ff-0.tmp"));
  remove_leftovers(folder_ / "none");
}

TEST_F(Files, AFolderHasOneWriter) {
  {
    const FolderLock first(folder_);
    EXPECT_THAT(system_error([&] { FolderLock second(folder_); }), HasSubstr("another process"));
  }
  const FolderLock again(folder_);
  EXPECT_EQ(file_count(), 0u);
}

TEST_F(Files, ErrorsNameThePathAndTheReason) {
  const std::string missing = (folder_ / "no" / "file").string();
  EXPECT_EQ(system_error([&] { read_text(missing); }),
            "cannot read " + missing + ": No such file or directory");
  EXPECT_EQ(system_error([&] { write_atomically(missing, "x"); }),
            "cannot write " + missing + ": No such file or directory");
  EXPECT_EQ(system_error([&] { read_text(folder_); }),
            "cannot read " + folder_.string() + ": Is a directory");
  EXPECT_THAT(system_error([&] { append_line(missing, "x"); }), HasSubstr("cannot append to"));
  EXPECT_THAT(system_error([&] { MappedFile{missing}; }), HasSubstr("No such file"));
  EXPECT_THAT(system_error([&] { MappedFile{folder_}; }), HasSubstr("Is a directory"));
  EXPECT_THAT(system_error([&] { sha256_file(missing); }), HasSubstr("No such file"));
}

TEST_F(Files, AFolderInTheWayIsAnError) {
  make_directories(folder_ / "taken");
  EXPECT_THAT(system_error([&] { write_atomically(folder_ / "taken", "x"); }),
              HasSubstr("Is a directory"));
  EXPECT_EQ(file_count(), 1u);
}

TEST_F(Files, AFullDiskIsAnErrorWithItsReason) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  EXPECT_EQ(system_error([&] { write_atomically("/dev/full", std::string(100'000, 'x')); }),
            "cannot write /dev/full: No space left on device");
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

TEST_F(Files, LinksAreFollowed) {
  write_atomically(folder_ / "real", "old");
  fs::create_symlink("real", folder_ / "link");
  write_atomically(folder_ / "link", "new");
  EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
  EXPECT_EQ(read_text(folder_ / "real"), "new");
}

TEST_F(Files, AppendsLines) {
  append_line(folder_ / "log", "a");
  append_line(folder_ / "log", "b");
  EXPECT_EQ(read_text(folder_ / "log"), "a\nb\n");
}

TEST_F(Files, MakeDirectoriesNamesWhatIsInTheWay) {
  make_directories(folder_ / "x" / "y");
  make_directories(folder_ / "x" / "y");
  write_atomically(folder_ / "file", "");
  EXPECT_THAT(system_error([&] { make_directories(folder_ / "file" / "a" / "b"); }),
              HasSubstr((folder_ / "file").string() + " is there and is no folder"));
}

TEST_F(Files, MapsWholeFiles) {
  write_atomically(folder_ / "a", "abc");
  MappedFile map(folder_ / "a");
  MappedFile moved = std::move(map);
  ASSERT_EQ(moved.bytes().size(), 3u);
  EXPECT_EQ(static_cast<char>(moved.bytes()[2]), 'c');
  write_atomically(folder_ / "empty", "");
  moved = MappedFile(folder_ / "empty");
  EXPECT_TRUE(moved.bytes().empty());
}

TEST_F(Files, ACopyStaysWhenTheFileIsCutShort) {
  write_atomically(folder_ / "a", std::string(10000, 'x'));
  const MappedFile copy(folder_ / "a", Reading::kCopied);
  fs::resize_file(folder_ / "a", 0);
  EXPECT_EQ(static_cast<char>(copy.bytes()[9999]), 'x');
}

TEST_F(Files, AMappedFileThatIsCutShortIsNamed) {
  write_atomically(folder_ / "a", std::string(10000, 'x'));
  const auto read_after_cut = [&] {
    report_lost_mappings();
    const MappedFile map(folder_ / "a");
    fs::resize_file(folder_ / "a", 0);
    std::exit(static_cast<int>(map.bytes()[9999]));
  };
  EXPECT_EXIT(read_after_cut(), ::testing::ExitedWithCode(3), "/a was truncated");
}

TEST_F(Files, HashesMatchPublishedValues) {
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  write_atomically(folder_ / "a", "abc");
  EXPECT_EQ(sha256_file(folder_ / "a"), sha256("abc"));
  EXPECT_EQ(hash64(""), 0xCBF29CE484222325u);
  EXPECT_EQ(hash64("foobar"), 0x85944171F73967E8u);
}

}  // namespace
}  // namespace concertina
