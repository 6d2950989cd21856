#include "speech/tar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/files.h"
#include "speech/process.h"
#include "tests/speech/synthetic_data.h"

namespace concertina {
namespace {

using ::testing::HasSubstr;
using testing::tar_of;
using testing::TempFolder;
using testing::write_file;

TarIndex index_of(const std::string& bytes) { return index_tar(std::as_bytes(std::span(bytes))); }

// Path and content of each file.
std::map<std::string, std::string> contents(const std::string& bytes) {
  std::map<std::string, std::string> result;
  for (const TarMember& file : index_of(bytes).files) {
    result[file.path] =
        bytes.substr(static_cast<size_t>(file.offset), static_cast<size_t>(file.size));
  }
  return result;
}

TEST(Tar, FindsFilesOfWholeAndPartialBlocks) {
  const std::string bytes = tar_of({{"a.txt", "one"},
                                    {"d/b", std::string(512, 'b')},
                                    {"empty", ""},
                                    {"c", std::string(513, 'c')}});
  EXPECT_EQ(index_of(bytes).problem, "");
  EXPECT_EQ(contents(bytes), (std::map<std::string, std::string>{{"a.txt", "one"},
                                                                 {"d/b", std::string(512, 'b')},
                                                                 {"empty", ""},
                                                                 {"c", std::string(513, 'c')}}));
}

// What the tar program writes in each of its formats; long names take other roads in each.
TEST(Tar, ReadsWhatTarWrites) {
  const TempFolder folder;
  const std::string deep = std::string(90, 'd') + "/" + std::string(90, 'e') + "/f.txt";
  const std::string name = std::string(150, 'n') + ".txt";
  write_file(folder / "in/short.txt", "short");
  write_file(folder / ("in/" + deep), "deep");
  std::filesystem::create_symlink("short.txt", folder / "in/link.txt");
  std::filesystem::create_hard_link(folder / "in/short.txt", folder / "in/twin.txt");
  for (const std::string format : {"ustar", "gnu", "pax", "v7"}) {
    std::map<std::string, std::string> expected = {{"./short.txt", "short"}};
    if (format != "v7") expected["./" + deep] = "deep";
    if (format == "gnu" || format == "pax") {
      write_file(folder / ("in/" + name), "long");
      expected["./" + name] = "long";
    }
    const auto archive = folder / (format + ".tar");
    run_program({"tar", "--sort=name", "--format=" + format, "-cf", archive, "."}, folder / "in",
                {});
    const std::string bytes = read_text(archive);
    auto found = contents(bytes);
    if (found.contains("./twin.txt")) found.erase("./twin.txt"), found["./short.txt"] = "short";
    EXPECT_EQ(found, expected) << format;
    EXPECT_EQ(index_of(bytes).problem, "") << format;
    std::filesystem::remove(folder / ("in/" + name));
  }
}

TEST(Tar, DamageEndsItAndIsNamed) {
  const std::string whole = tar_of({{"a", "one"}, {"b", std::string(600, 'b')}});
  std::string bytes = whole;
  bytes[1024 + 3] = 'x';
  EXPECT_EQ(index_of(bytes).files.size(), 1U);
  EXPECT_EQ(index_of(bytes).problem, "byte 1024: no tar header, or a damaged one");
  EXPECT_EQ(index_of(whole.substr(0, 1024 + 512 + 599)).problem,
            "byte 1024: 'b' of 600 bytes is cut off");
  const TarIndex without_end = index_of(whole.substr(0, whole.size() - 1024));
  EXPECT_EQ(without_end.files.size(), 2U);
  EXPECT_THAT(without_end.problem, HasSubstr("ends without an end mark"));
  EXPECT_THAT(index_of(whole.substr(0, 1100)).problem, HasSubstr("cut off inside a header"));
  EXPECT_THAT(index_of("").problem, HasSubstr("ends without an end mark"));
}

TEST(Tar, SizesAreCheckedBeforeTheyAreUsed) {
  for (const std::string size :
       {"77777777777", "99999999999", "\x80\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"}) {
    std::string bytes = tar_of({{"a", "one"}});
    bytes.replace(124, 11, size);
    testing::set_tar_checksum(bytes, 0);
    EXPECT_TRUE(index_of(bytes).files.empty()) << size;
    EXPECT_NE(index_of(bytes).problem, "") << size;
  }
  std::string bytes = tar_of({{"a", "one"}});
  bytes.replace(124, 12, std::string("\x80\0\0\0\0\0\0\0\0\0\0\3", 12));  // GNU's binary
  testing::set_tar_checksum(bytes, 0);
  EXPECT_EQ(contents(bytes).at("a"), "one");
}

TEST(Tar, PaxSizesAndNamesCountForOneMember) {
  std::string bytes = tar_of({{"pax", "12 path=abc\n9 size=3\n"}, {"a", "one"}, {"b", "two"}});
  bytes[156] = 'x';
  testing::set_tar_checksum(bytes, 0);
  bytes.replace(1024 + 124, 11, "00000000000");
  testing::set_tar_checksum(bytes, 1024);
  EXPECT_EQ(contents(bytes), (std::map<std::string, std::string>{{"abc", "one"}, {"b", "two"}}));
}

}  // namespace
}  // namespace concertina
