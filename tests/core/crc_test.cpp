#include "core/crc.h"

#include <gtest/gtest.h>

#include <string>

namespace concertina {
namespace {

uint32_t ieee(const std::string& text) { return crc32(std::as_bytes(std::span(text))); }
uint32_t castagnoli(const std::string& text) { return crc32c(std::as_bytes(std::span(text))); }

TEST(Crc32, GivesThePublishedValues) {
  EXPECT_EQ(ieee(""), 0U);
  EXPECT_EQ(ieee("123456789"), 0xCBF43926U);
}

TEST(Crc32c, GivesThePublishedValues) {  // RFC 3720, B.4
  EXPECT_EQ(castagnoli("123456789"), 0xE3069283U);
  EXPECT_EQ(castagnoli(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(castagnoli(std::string(32, '\xFF')), 0x62A8AB43U);
}

}  // namespace
}  // namespace concertina
