#include "core/memory.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace concertina {
namespace {

constexpr std::size_t kMegabyte = 1 << 20, kSize = 256 * kMegabyte;

// MB of written pages in the mapping that `address` is in. (Sanitizers keep memory of their own
// about what is read: the whole process would not do.)
std::size_t written_mb(const void* address) {
  const auto place = reinterpret_cast<std::uintptr_t>(address);
  std::ifstream maps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0, end = 0;
    char dash = 0;
    std::istringstream range(line);
    if (range >> std::hex >> begin >> dash >> end && dash == '-') {
      inside = begin <= place && place < end;
    } else if (inside && line.starts_with("Private_Dirty:")) {
      return std::stoul(line.substr(line.find(':') + 1)) / 1024;
    }
  }
  ADD_FAILURE() << "no mapping holds the address";
  return 0;
}

TEST(Memory, ZerosAreTakenAsTheyAreWritten) {
  const std::shared_ptr<void> pages = zero_pages(kSize);
  auto* bytes = static_cast<char*>(pages.get());
  const std::size_t before = written_mb(bytes);
  const std::vector<char> zeros(kMegabyte);
  for (std::size_t at = 0; at < kSize; at += kMegabyte) {
    copy_differing(bytes + at, zeros.data(), kMegabyte);
  }
  EXPECT_LE(written_mb(bytes), before + 16);
  std::memset(bytes, 1, kSize);
  EXPECT_GE(written_mb(bytes), before + 250);
}

TEST(Memory, CopiesWhatDiffers) {
  std::vector<char> from(3 * 4096 + 17), into(from.size());
  for (const std::size_t at :
       {std::size_t{0}, std::size_t{4095}, std::size_t{8192}, from.size() - 1}) {
    from[at] = 'x';
  }
  copy_differing(into.data(), from.data(), from.size());
  EXPECT_EQ(into, from);
  from.assign(from.size(), 0);
  copy_differing(into.data(), from.data(), from.size());
  EXPECT_EQ(into, from);
  EXPECT_EQ(zero_pages(0), nullptr);
}

}  // namespace
}  // namespace concertina
