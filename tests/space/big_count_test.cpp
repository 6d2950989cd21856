#include "supernet/space/big_count.h"

#include <gtest/gtest.h>

namespace concertina {
namespace {

TEST(BigCount, HoldsMoreThanSixtyFourBits) {
  BigCount count(999'999'999);
  for (int i = 0; i < 3; ++i) count *= 1'000'000'000;
  count += BigCount(1);
  EXPECT_EQ(count.text(), "999999999000000000000000000000000001");
  EXPECT_EQ(BigCount().text(), "0");
}

}  // namespace
}  // namespace concertina
