#include <fcntl.h>
#include <gmock/gmock.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <thread>

#include "core/errors.h"
#include "core/log.h"
#include "core/progress.h"

namespace concertina {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::internal::CaptureStderr;
using ::testing::internal::GetCapturedStderr;

std::string captured(const std::function<void()>& action) {
  CaptureStderr();
  action();
  return GetCapturedStderr();
}

// What `action` writes when stderr is a terminal of 80 columns.
std::string shown_on_terminal(const std::function<void()>& action) {
  setenv("TERM", "xterm", 1);
  int main_end = -1;
  int terminal_end = -1;
  winsize size = {};
  size.ws_row = 24;
  size.ws_col = 80;
  EXPECT_EQ(openpty(&main_end, &terminal_end, nullptr, nullptr, &size), 0);
  const int saved = dup(STDERR_FILENO);
  dup2(terminal_end, STDERR_FILENO);
  close(terminal_end);
  action();
  dup2(saved, STDERR_FILENO);
  close(saved);
  std::string text;
  char buffer[4096];
  for (ssize_t n = 0; (n = read(main_end, buffer, sizeof(buffer))) > 0;) text.append(buffer, n);
  close(main_end);
  return text;
}

TEST(Log, LinesCarryTimeAndLevelAndNoColourInAFile) {
  EXPECT_THAT(captured([] { log_info("{} of {}", 1, 2); }),
              MatchesRegex("[0-9][0-9]:[0-9][0-9]:[0-9][0-9] info 1 of 2\n"));
  EXPECT_THAT(captured([] { log_line(LogLevel::kWarn, "{not a format}"); }),
              HasSubstr("{not a format}"));
}

TEST(Log, LevelsFilter) {
  set_log_level(LogLevel::kError);
  EXPECT_EQ(captured([] { log_warn("w"); }), "");
  EXPECT_THAT(captured([] { log_error("e"); }), HasSubstr("e\n"));
  set_log_level(LogLevel::kOff);
  EXPECT_EQ(captured([] { log_error("e"); }), "");
  set_log_level(LogLevel::kDebug);
  EXPECT_THAT(captured([] { log_debug("d"); }), HasSubstr("debug d\n"));
  set_log_level(LogLevel::kInfo);
}

TEST(Log, LevelNames) {
  EXPECT_EQ(log_level_from("debug"), LogLevel::kDebug);
  EXPECT_EQ(log_level_from("off"), LogLevel::kOff);
  EXPECT_THROW(log_level_from("warning"), InputError);
}

TEST(Progress, PrintsOneLineWhenStderrIsNoTerminal) {
  const std::string text = captured([] {
    Progress progress("train", 5);
    for (int i = 0; i < 5; ++i) progress.advance();
    progress.note("loss 2.31");
    progress.finish();
  });
  EXPECT_THAT(text, MatchesRegex("train: 5/5, loss 2.31, [^\n]*s\n"));
}

TEST(Progress, CanBeSwitchedOff) {
  set_progress_enabled(false);
  EXPECT_EQ(captured([] { Progress("train", 5).advance(); }), "");
  set_progress_enabled(true);
}

TEST(Progress, StartsAtAGivenCountAndMayHaveNoTotal) {
  EXPECT_THAT(captured([] { Progress("resumed", 10, 4).advance(); }), HasSubstr("resumed: 5/10, "));
  EXPECT_THAT(captured([] { Progress("scan", 0).advance(3); }), HasSubstr("scan: 3, "));
}

TEST(Progress, BarIsErasedAroundLogLines) {
  const std::string text = shown_on_terminal([] {
    Progress progress("train", 4, 0);
    progress.advance(2);
    log_warn("careful");
  });
  EXPECT_THAT(text, HasSubstr("[....."));
  EXPECT_THAT(text, MatchesRegex("(.|\r|\n)*\r\033\\[K[0-9:]+ [^\n]*careful\r\n\\[(.|\r|\n)*"));
  EXPECT_THAT(text, MatchesRegex("(.|\r|\n)*\r\033\\[Ktrain: 2/4, [^\n]*s\r\n"));
}

TEST(Progress, RedrawsAtMostTenTimesASecond) {
  const std::string text = shown_on_terminal([] {
    Progress progress("train", 100'000);
    for (int i = 0; i < 1000; ++i) progress.advance();
  });
  EXPECT_LT(std::count(text.begin(), text.end(), '\033'), 12);
}

TEST(Progress, ThreadsMayAdvanceAndLogTogether) {
  const std::string text = captured([] {
    Progress progress("work", 400);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 100; ++i) {
          progress.advance();
          progress.note("n");
          if (i % 25 == 0) log_info("line");
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 17);
  EXPECT_THAT(text, HasSubstr("work: 400/400, n, "));
}

}  // namespace
}  // namespace concertina
