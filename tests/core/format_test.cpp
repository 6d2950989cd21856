#include "core/format.h"

#include <gtest/gtest.h>

#include "core/errors.h"

namespace concertina {
namespace {

TEST(Format, CountsTakeDecimalSuffixes) {
  EXPECT_EQ(parse_count("1500"), 1500);
  EXPECT_EQ(parse_count("27M"), 27e6);
  EXPECT_EQ(parse_count("26.9M"), 26'900'000);
  EXPECT_EQ(parse_count("5G"), parse_count("5B"));
  EXPECT_EQ(parse_count("10k"), 1e4);
  EXPECT_EQ(parse_count(" 2 T "), 2e12);
  EXPECT_EQ(parse_count("-1e3"), -1000);
}

TEST(Format, NoNumberIsAnInputError) {
  for (const char* text : {"", "M", "12x", "x12", "1.2.3", "nan", "inf", "1e999", "5 6M", "--1"}) {
    EXPECT_THROW(parse_count(text), InputError) << text;
  }
}

TEST(Format, SecondsTakeUnits) {
  EXPECT_EQ(parse_seconds("40ms"), 0.04);
  EXPECT_EQ(parse_seconds("7us"), 7e-6);
  EXPECT_EQ(parse_seconds("1.5s"), 1.5);
  EXPECT_EQ(parse_seconds("2m"), 120);
  EXPECT_EQ(parse_seconds("2min"), 120);
  EXPECT_EQ(parse_seconds("2h"), 7200);
  EXPECT_EQ(parse_seconds("15", 1e-3), 0.015);
  EXPECT_THROW(parse_seconds("2 days"), InputError);
  EXPECT_THROW(parse_seconds("-1s"), InputError);
  EXPECT_THROW(parse_seconds("ms"), InputError);
}

TEST(Format, FormatsCounts) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(999.7), "1k");
  EXPECT_EQ(format_count(26.9e6), "26.9M");
  EXPECT_EQ(format_count(999'999), "1M");
  EXPECT_EQ(format_count(-5e9), "-5G");
  EXPECT_EQ(format_count(1e16), "10000T");
  EXPECT_EQ(format_count(1e300), "1e+288T");  // not 300 digits
}

TEST(Format, FormatsSeconds) {
  EXPECT_EQ(format_seconds(0), "0 s");
  EXPECT_EQ(format_seconds(0.0045), "4.5 ms");
  EXPECT_EQ(format_seconds(0.99999), "1 s");
  EXPECT_EQ(format_seconds(12e-6), "12 us");
  EXPECT_EQ(format_seconds(12.3), "12.3 s");
  EXPECT_EQ(format_seconds(59.99), "1m00s");
  EXPECT_EQ(format_seconds(83), "1m23s");
  EXPECT_EQ(format_seconds(3600 * 2 + 300), "2h05m");
}

}  // namespace
}  // namespace concertina
