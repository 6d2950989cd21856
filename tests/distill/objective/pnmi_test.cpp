#include "distill/objective/pnmi.h"

#include <gtest/gtest.h>

#include <cmath>

namespace concertina {
namespace {

TEST(Pnmi, IsTheShareOfThePhonesEntropy) {
  // p(y, z) = .5, .25; 0, .25
  const at::Tensor counts = at::tensor({2, 1, 0, 1}, at::kLong).view({2, 2});
  const double phones = -0.75 * std::log(0.75) - 0.25 * std::log(0.25), units = std::log(2.0);
  const double joint = -0.5 * std::log(0.5) - 0.5 * std::log(0.25);
  EXPECT_NEAR(phone_normalised_information(counts), (phones + units - joint) / phones, 1e-12);
}

TEST(Pnmi, IsOneWhereUnitsArePhonesAndZeroWhereTheyTellNothing) {
  EXPECT_NEAR(phone_normalised_information(at::eye(4)), 1, 1e-12);
  EXPECT_NEAR(phone_normalised_information(at::ones({3, 5})), 0, 1e-12);
  EXPECT_EQ(phone_normalised_information(at::ones({1, 5})), 0);
}

}  // namespace
}  // namespace concertina
