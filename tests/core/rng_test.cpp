#include "core/rng.h"

#include <gmock/gmock.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "core/errors.h"
#include "core/philox.h"

namespace concertina {
namespace {

using Block = std::array<uint32_t, 4>;

// Known answers of philox4x32 with 10 rounds, as published with Random123.
TEST(Philox, MatchesThePublishedVectors) {
  const uint32_t ones = 0xFFFFFFFF;
  EXPECT_EQ(detail::philox4x32({0, 0, 0, 0}, {0, 0}),
            (Block{0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8}));
  EXPECT_EQ(detail::philox4x32({ones, ones, ones, ones}, {ones, ones}),
            (Block{0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD}));
  EXPECT_EQ(detail::philox4x32({0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344},
                               {0xA4093822, 0x299F31D0}),
            (Block{0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1}));
}

TEST(Rng, StreamIsPhiloxCountingFromZero) {
  Rng rng(0);
  EXPECT_EQ(rng.next_u32(), 0x6627E8D5u);
  EXPECT_EQ(rng.next_u32(), 0xE169C58Du);
  EXPECT_EQ(Rng(0).next_u64(), 0xE169C58D6627E8D5u);
}

TEST(Rng, ForksDependOnKeyPurposeAndIndexOnly) {
  Rng parent(7);
  const Rng early = parent.fork("mask", 3);
  parent.next_u32();
  EXPECT_EQ(early, parent.fork("mask", 3));
  EXPECT_FALSE(early == parent.fork("mask", 4));
  EXPECT_FALSE(early == parent.fork("crop", 3));
  EXPECT_FALSE(early == Rng(8).fork("mask", 3));
}

TEST(Rng, StateRoundTripsAtEveryPosition) {
  Rng rng(42);
  for (int position = 0; position < 10; ++position) {
    Rng copy = Rng::from_state(rng.save_state());
    EXPECT_EQ(copy, rng);
    EXPECT_EQ(copy.next_u32(), rng.next_u32());
  }
}

TEST(Rng, MalformedStatesAreInputErrors) {
  const std::string good = Rng(1).save_state();
  for (const std::string bad : {"", "philox4x32-10:", "philox4x32-10:1:2", "philox4x32-10:1:2:5",
                                "philox4x32-10:1:0:2", "philox4x32-10:x:0:4", "mt:1:0:4"}) {
    EXPECT_THROW(Rng::from_state(bad), InputError) << bad;
  }
  EXPECT_THROW(Rng::from_state(good + "0"), InputError);
  EXPECT_THROW(Rng::from_state(good.substr(0, good.size() - 1)), InputError);
}

TEST(Rng, UniformStaysInRangeWithTheRightMean) {
  Rng rng(1);
  double sum = 0;
  for (int i = 0; i < 20000; ++i) {
    const double value = rng.uniform(-1, 3);
    ASSERT_GE(value, -1);
    ASSERT_LT(value, 3);
    sum += value;
  }
  EXPECT_NEAR(sum / 20000, 1.0, 0.03);
  EXPECT_LT(rng.uniform(1.0, std::nextafter(1.0, 2.0)), std::nextafter(1.0, 2.0));
}

TEST(Rng, NormalHasUnitVariance) {
  Rng rng(2);
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < 20000; ++i) {
    const double value = rng.normal();
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / 20000, 0, 0.03);
  EXPECT_NEAR(squares / 20000, 1, 0.04);
}

TEST(Rng, BelowIsEvenAndChecked) {
  Rng rng(3);
  std::array<int, 6> counts{};
  for (int i = 0; i < 60000; ++i) ++counts[static_cast<size_t>(rng.below(6))];
  for (const int count : counts) EXPECT_NEAR(count, 10000, 400);
  EXPECT_EQ(rng.below(1), 0);
  EXPECT_THROW(rng.below(0), std::logic_error);
}

TEST(Rng, ShufflePickAndChance) {
  Rng rng(4);
  std::vector<int> values(50);
  std::iota(values.begin(), values.end(), 0);
  std::vector<int> shuffled = values;
  rng.shuffle(std::span<int>(shuffled));
  EXPECT_NE(shuffled, values);
  EXPECT_THAT(shuffled, ::testing::UnorderedElementsAreArray(values));
  EXPECT_LT(rng.pick(std::span<const int>(values)), 50);
  EXPECT_FALSE(rng.chance(0));
  EXPECT_TRUE(rng.chance(1));
}

}  // namespace
}  // namespace concertina
