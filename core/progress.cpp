#include "core/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <utility>

#include "core/format.h"
#include "core/terminal.h"

namespace concertina {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kRedrawSeconds = 0.1;
constexpr double kLogLineSeconds = 30;
constexpr size_t kBarColumns = 30;

std::atomic<bool> enabled = true;

bool starts_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

size_t columns_of(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), starts_character));
}

std::string fitted(std::string text, size_t columns) {
  size_t seen = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (starts_character(text[i]) && seen++ == columns) {
      text.resize(i);
      break;
    }
  }
  return text;
}

std::string bar_of(double fraction, size_t columns) {
  const auto filled = static_cast<size_t>(fraction * static_cast<double>(columns));
  return fmt::format("[{:#<{}}{:.<{}}]", "", filled, "", columns - filled);
}

}  // namespace

void set_progress_enabled(bool on) { enabled = on; }

struct Progress::State {
  State(std::string name, int64_t all, int64_t first)
      : title(std::move(name)), total(all), start(first) {}

  const std::string title;
  const int64_t total;
  const int64_t start;
  const bool interactive = detail::stderr_is_terminal();
  const Clock::time_point began = Clock::now();
  std::atomic<int64_t> done = start;
  std::atomic<double> next_draw_s = interactive ? 0.0 : kLogLineSeconds;
  std::mutex mutex;  // of what follows, and held while drawing
  std::string note;
  bool finished = false;

  double elapsed_s() const { return std::chrono::duration<double>(Clock::now() - began).count(); }
  std::string count() const {
    return total > 0 ? fmt::format("{}/{}", done.load(), total) : fmt::format("{}", done.load());
  }
  std::string eta() const {
    const int64_t made = done - start;
    if (total <= 0 || made <= 0 || done >= total) return "";
    const double left = elapsed_s() / static_cast<double>(made) * static_cast<double>(total - done);
    return fmt::format(", {} left", format_seconds(left));
  }
  std::string line(std::string_view rest) const {
    const std::string noted = note.empty() ? "" : note + ", ";
    return fmt::format("{}: {}, {}{}{}", title, count(), noted, format_seconds(elapsed_s()), rest);
  }
  std::string bar() const {
    const auto columns = static_cast<size_t>(std::max(1, detail::terminal_columns() - 1));
    const std::string text = line(eta());
    const size_t used = columns_of(text) + 3;  // brackets and a space
    const double fraction =
        total > 0 ? std::clamp(static_cast<double>(done) / static_cast<double>(total), 0.0, 1.0)
                  : 0;
    if (total <= 0 || used + 5 > columns) return fitted(text, columns);
    return bar_of(fraction, std::min(kBarColumns, columns - used)) + " " + text;
  }
  void draw() {
    const std::scoped_lock lock(mutex);
    if (finished || !enabled) return;
    interactive ? detail::show_bar(bar()) : detail::print_line(line(eta()));
  }
  void draw_when_due() {
    const double now = elapsed_s();
    double due = next_draw_s;
    const double next = now + (interactive ? kRedrawSeconds : kLogLineSeconds);
    if (now >= due && next_draw_s.compare_exchange_strong(due, next)) draw();
  }
};

Progress::Progress(std::string title, int64_t total, int64_t start)
    : state_(std::make_unique<State>(std::move(title), total, start)) {
  state_->draw_when_due();
}

Progress::~Progress() { finish(); }

void Progress::advance(int64_t by) {
  state_->done += by;
  state_->draw_when_due();
}

void Progress::note(std::string_view text) {
  {
    const std::scoped_lock lock(state_->mutex);
    state_->note = text;
  }
  state_->draw_when_due();
}

void Progress::finish() {
  const std::scoped_lock lock(state_->mutex);
  if (std::exchange(state_->finished, true) || !enabled) return;
  if (state_->interactive) detail::hide_bar();
  detail::print_line(state_->line(""));
}

}  // namespace concertina
