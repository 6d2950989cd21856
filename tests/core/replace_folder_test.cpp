#include "core/replace_folder.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <stdexcept>

#include "core/files.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;

class ReplaceFolder : public ::testing::Test {
 protected:
  void SetUp() override { fs::create_directories(parent); }
  void TearDown() override { fs::remove_all(parent); }
  void put(const std::string& content) {
    replace_folder(parent / "best", [&](const fs::path& fresh) {
      write_atomically(fresh / "a", content);
      write_atomically(fresh / "b", content);
    });
  }
  int64_t entries() const {
    return std::distance(fs::directory_iterator(parent), fs::directory_iterator());
  }
  fs::path parent = fs::temp_directory_path() / ("replace-folder-" + std::to_string(::getpid()));
};

TEST_F(ReplaceFolder, PutsAllFilesThereTogether) {
  put("one");
  put("two");
  EXPECT_EQ(read_text(parent / "best" / "a"), "two");
  EXPECT_EQ(read_text(parent / "best" / "b"), "two");
  EXPECT_EQ(entries(), 1);
}

TEST_F(ReplaceFolder, KeepsTheOldOneWhenTheNewCannotBeWritten) {
  put("one");
  EXPECT_THROW(replace_folder(parent / "best",
                              [](const fs::path& fresh) {
                                write_atomically(fresh / "a", "two");
                                throw std::runtime_error("disk full");
                              }),
               std::runtime_error);
  EXPECT_EQ(read_text(parent / "best" / "a"), "one");
  EXPECT_EQ(entries(), 1);
}

TEST_F(ReplaceFolder, LeftoversOfAKilledProcessAreCleared) {
  write_atomically(parent / "kept", "");
  fs::create_directories(parent / ".best.123.tmp");
  write_atomically(parent / ".best.123.tmp" / "a", "two");
  remove_leftovers(parent);
  EXPECT_EQ(entries(), 1);
}

}  // namespace
}  // namespace concertina
