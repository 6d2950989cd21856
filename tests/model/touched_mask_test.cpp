#include "supernet/model/touched_mask.h"

#include <gtest/gtest.h>

namespace concertina {
namespace {

int64_t count(const TouchedMask& marks, const at::Tensor& part) {
  return marks.of(part).sum().item<int64_t>();
}

TEST(TouchedMask, HoldsTheAddedParts) {
  const at::Tensor buffer = at::zeros({3 * 40 * 5 + 77}), tail = buffer.narrow(0, 600, 77);
  const at::Tensor cube = buffer.narrow(0, 0, 600).view({3, 40, 5});
  TouchedMask marks(buffer);
  for (const at::Tensor& part :
       {cube.narrow(1, 7, 21), cube.narrow(2, 1, 2), cube.select(0, 2), tail.narrow(0, 0, 1),
        tail.narrow(0, 76, 1), cube.transpose(0, 1)}) {
    marks.clear();
    marks.add(part);
    EXPECT_EQ(count(marks, part), part.numel());
    EXPECT_EQ(count(marks, buffer), part.numel());
  }
  marks.clear();
  marks.add_rows(cube, 1, at::tensor({0, 39}, at::kLong));
  EXPECT_EQ(count(marks, cube.select(1, 0)) + count(marks, cube.select(1, 39)), 30);
  EXPECT_EQ(count(marks, buffer), 30);
}

TEST(TouchedMask, BlocksBeginAnywhere) {
  const at::Tensor buffer = at::zeros({200});
  TouchedMask marks(buffer);
  marks.add(buffer.narrow(0, 70, 60));
  EXPECT_EQ(marks.block(70), ~uint64_t{0} >> 4);
  EXPECT_EQ(marks.block(69), ~uint64_t{0} >> 3 & ~uint64_t{1});
  EXPECT_EQ(marks.block(64), ~uint64_t{0} << 6);
  EXPECT_EQ(marks.block(190), 0U);
  EXPECT_TRUE(marks.any(64, 64));
  EXPECT_FALSE(marks.any(0, 64));
  marks.clear(64, 64);
  EXPECT_EQ(count(marks, buffer), 2);
}

}  // namespace
}  // namespace concertina
