#include "speech/process.h"

#include <gtest/gtest.h>

#include <chrono>

#include "core/errors.h"
#include "tests/speech/synthetic_data.h"

namespace concertina {
namespace {

TEST(RunProgram, PassesWordsAsTheyAre) {
  const auto result = run_program({"printf", "%s|", "a b", "$HOME", "; exit 3"}, {}, {});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.output, "a b|$HOME|; exit 3|");
}

TEST(RunProgram, GivesStatusAndBothStreams) {
  const auto result = run_program({"sh", "-c", "echo out; echo err >&2; exit 7"}, {}, {});
  EXPECT_EQ(result.status, 7);
  EXPECT_EQ(result.output, "out\n");
  EXPECT_EQ(result.errors, "err\n");
}

TEST(RunProgram, RunsInTheFolder) {
  const testing::TempFolder folder;
  EXPECT_EQ(run_program({"pwd", "-P"}, folder.path(), {}).output,
            std::filesystem::canonical(folder.path()).string() + "\n");
}

TEST(RunProgram, AnUnknownProgramIsASystemError) {
  EXPECT_THROW(run_program({"no-such-program-here"}, {}, {}), SystemError);
}

TEST(RunProgram, StopEndsIt) {
  StopSource source;
  source.request(StopReason::kInterrupt);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THROW(run_program({"sleep", "20"}, {}, source.token()), Interrupted);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

}  // namespace
}  // namespace concertina
