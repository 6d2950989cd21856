#include "core/event_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>

#include "core/files.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;

class Events : public ::testing::Test {
 protected:
  void TearDown() override { fs::remove(path); }
  // Sizes of the records, by their own length fields.
  std::vector<size_t> lengths() const {
    const std::string bytes = read_text(path);
    std::vector<size_t> found;
    for (size_t at = 0; at < bytes.size();) {
      uint64_t length = 0;
      std::memcpy(&length, bytes.data() + at, 8);
      found.push_back(length);
      at += length + 16;
    }
    return found;
  }
  fs::path path = fs::path(::testing::TempDir()) / ("tfevents_" + std::to_string(getpid()));
  EventFile events{path};
};

TEST_F(Events, AnEventHasTheBytesOfTheFormat) {
  events.resume_after(0);
  const size_t head = read_text(path).size();
  const std::vector<Scalar> scalars = {{"loss", 1.5}};
  events.add(300, scalars);
  const std::string bytes = read_text(path).substr(head);
  const std::string event = bytes.substr(12, bytes.size() - 16);
  EXPECT_EQ(event[0], '\x09');  // wall time, eight bytes
  const std::string rest("\x10\xAC\x02\x2A\x0D\x0A\x0B\x0A\x04loss\x15\x00\x00\xC0\x3F", 18);
  EXPECT_EQ(event.substr(9), rest);  // step 300; summary {value {tag: "loss", simple_value: 1.5}}
}

TEST_F(Events, IsResumedAfterAStep) {
  events.resume_after(0);
  const std::vector<Scalar> scalars = {{"loss", 1}, {"lr", 0.1}};
  for (const int64_t step : {1, 2, 200}) events.add(step, scalars);
  write_atomically(path, read_text(path) + "torn");
  events.resume_after(2);
  EXPECT_EQ(lengths().size(), 3U);  // the file's version and two steps
  events.add(3, scalars);
  EXPECT_EQ(lengths().size(), 4U);
  events.resume_after(0);
  EXPECT_EQ(lengths().size(), 1U);
}

}  // namespace
}  // namespace concertina
