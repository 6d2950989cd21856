#include "core/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <utility>

namespace concertina::detail {
namespace {

constexpr std::string_view kEraseLine = "\r\033[K";

struct LastLine {
  std::mutex mutex;
  std::string bar;  // shown now; empty: none
};

LastLine& last_line() {
  static LastLine* const line = new LastLine;  // never destroyed: threads may log at exit
  return *line;
}

void put(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }

}  // namespace

bool stderr_is_terminal() {
  if (isatty(STDERR_FILENO) == 0) return false;
  const char* kind = std::getenv("TERM");
  return kind == nullptr || std::string_view(kind) != "dumb";
}

int32_t terminal_columns() {
  winsize size = {};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

void show_bar(std::string text) {
  const std::scoped_lock lock(last_line().mutex);
  last_line().bar = std::move(text);
  put(std::string(kEraseLine) + last_line().bar);
}

void hide_bar() {
  const std::scoped_lock lock(last_line().mutex);
  if (last_line().bar.empty()) return;
  last_line().bar.clear();
  put(kEraseLine);
}

void print_line(std::string_view text) {
  write_above_bar([&] { put(std::string(text) + "\n"); });
}

void write_above_bar(const std::function<void()>& write) {
  const std::scoped_lock lock(last_line().mutex);
  const std::string& bar = last_line().bar;
  if (!bar.empty()) put(kEraseLine);
  write();
  if (!bar.empty()) put(bar);
}

}  // namespace concertina::detail
