#include "core/errors.h"

#include <gtest/gtest.h>

namespace concertina {
namespace {

const std::vector<std::string> kNames = {"steps", "units", "seed"};

TEST(Errors, NearestNameFindsTypos) {
  EXPECT_EQ(nearest_name("step", kNames), "steps");
  EXPECT_EQ(nearest_name("untis", kNames), "units");
  EXPECT_EQ(nearest_name("seed", kNames), "seed");
}

TEST(Errors, NearestNameIsEmptyWhenNothingIsNear) {
  EXPECT_EQ(nearest_name("temperature", kNames), "");
  EXPECT_EQ(nearest_name("", kNames), "");
  EXPECT_EQ(nearest_name("steps", {}), "");
}

TEST(Errors, DidYouMeanIsReadyToAppend) {
  EXPECT_EQ(did_you_mean("step", kNames), " (did you mean 'steps'?)");
  EXPECT_EQ(did_you_mean("temperature", kNames), "");
}

TEST(Errors, EachKindCarriesItsExitCode) {
  EXPECT_EQ(InputError("x").code(), ExitCode::kBadInput);
  EXPECT_EQ(SystemError("x").code(), ExitCode::kSystem);
  EXPECT_EQ(Interrupted(ExitCode::kTerminated, "x").code(), ExitCode::kTerminated);
}

TEST(Errors, FailedAssertionIsALogicErrorNamingTheExpression) {
  EXPECT_NO_THROW(CONCERTINA_ASSERT(1 + 1 == 2));
  try {
    CONCERTINA_ASSERT(1 + 1 == 3);
    FAIL();
  } catch (const std::logic_error& error) {
    EXPECT_NE(std::string(error.what()).find("1 + 1 == 3"), std::string::npos);
  }
}

}  // namespace
}  // namespace concertina
