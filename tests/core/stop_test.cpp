#include "core/stop.h"

#include <gtest/gtest.h>
#include <signal.h>

namespace concertina {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

TEST(Stop, DefaultTokenNeverStops) {
  const StopToken token;
  EXPECT_FALSE(token.stop_requested());
  EXPECT_NO_THROW(token.throw_if_interrupted("x"));
}

TEST(Stop, TheFirstReasonStays) {
  StopSource source;
  const StopToken token = source.token();
  EXPECT_EQ(token.reason(), StopReason::kNone);
  source.request(StopReason::kTerminate);
  source.request(StopReason::kInterrupt);
  EXPECT_EQ(token.reason(), StopReason::kTerminate);
}

TEST(Stop, DeadlinesOnlyGetNearerAndSignalsGoFirst) {
  StopSource source;
  const StopToken late = source.token().with_deadline(hours(1));
  EXPECT_FALSE(late.stop_requested());
  EXPECT_FALSE(late.with_deadline(std::chrono::steady_clock::duration::max()).stop_requested());
  const StopToken over = late.with_deadline(seconds(0));
  EXPECT_EQ(over.reason(), StopReason::kTimeUp);
  EXPECT_EQ(over.with_deadline(hours(1)).reason(), StopReason::kTimeUp);
  EXPECT_NO_THROW(over.throw_if_interrupted("x"));
  source.request(StopReason::kInterrupt);
  EXPECT_EQ(over.reason(), StopReason::kInterrupt);
}

TEST(Stop, InterruptedSaysWhatWasSaved) {
  StopSource source;
  source.request(StopReason::kInterrupt);
  try {
    source.token().throw_if_interrupted("state saved in runs/a");
    FAIL();
  } catch (const Interrupted& error) {
    EXPECT_EQ(error.code(), ExitCode::kInterrupted);
    EXPECT_STREQ(error.what(), "interrupted; state saved in runs/a");
  }
}

// Each in a process of its own: handlers are installed once.
TEST(StopDeathTest, SignalsRaiseTheToken) {
  const auto terminated = [] {
    const StopToken token = StopSource::from_signals().token();
    raise(SIGTERM);
    try {
      token.throw_if_interrupted("");
    } catch (const Interrupted& error) {
      _exit(static_cast<int>(error.code()));
    }
    _exit(0);
  };
  EXPECT_EXIT(terminated(), ::testing::ExitedWithCode(143), "");
}

TEST(StopDeathTest, ASecondSignalEndsTheProcess) {
  const auto twice = [] {
    const StopToken token = StopSource::from_signals().token();
    const SavesOnStop saves;
    raise(SIGTERM);
    if (token.reason() != StopReason::kTerminate) _exit(1);
    raise(SIGTERM);
    _exit(0);
  };
  EXPECT_EXIT(twice(), ::testing::ExitedWithCode(143), "concertina: terminated");
}

TEST(StopDeathTest, WorkThatDoesNotLookEndsWithinTwoSeconds) {
  const auto deaf = [] {
    const StopSource source = StopSource::from_signals();
    raise(SIGINT);
    for (int32_t tenth = 0; tenth < 200; ++tenth) usleep(100'000);
    _exit(0);
  };
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EXIT(deaf(), ::testing::ExitedWithCode(130), "concertina: interrupted");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

TEST(StopDeathTest, WorkThatSavesIsWaitedFor) {
  const auto saving = [] {
    const StopSource source = StopSource::from_signals();
    {
      const SavesOnStop saves;
      raise(SIGTERM);
      const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(2500);
      while (std::chrono::steady_clock::now() < end) usleep(100'000);
    }
    _exit(7);
  };
  EXPECT_EXIT(saving(), ::testing::ExitedWithCode(7), "");
}

TEST(StopDeathTest, ASecondInterruptEndsTheProcess) {
  const auto twice = [] {
    const StopToken token = StopSource::from_signals().token();
    raise(SIGINT);
    if (token.reason() != StopReason::kInterrupt) _exit(1);
    raise(SIGINT);
    _exit(0);
  };
  EXPECT_EXIT(twice(), ::testing::ExitedWithCode(130), "");
}

}  // namespace
}  // namespace concertina
