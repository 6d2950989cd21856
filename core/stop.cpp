#include "core/stop.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

namespace concertina {
namespace {

using Flag = std::atomic<StopReason>;
static_assert(Flag::is_always_lock_free, "the flag is written by a signal handler");

static_assert(std::atomic<int32_t>::is_always_lock_free);

constexpr unsigned kGraceSeconds = 1;

std::atomic<Flag*> signal_flag = nullptr;
std::atomic<int32_t> first_signal = 0;  // 0: none yet
std::atomic<int32_t> savers = 0;
std::atomic<bool> on_terminal = false;  // stderr, which may show a progress bar

void raise_flag(Flag& flag, StopReason reason) noexcept {
  StopReason none = StopReason::kNone;
  flag.compare_exchange_strong(none, reason);  // the first reason is kept
}

// Only what a signal handler may call.
[[noreturn]] void end_at_once(int signal) {
  const bool interrupt = signal == SIGINT;
  const auto say = [](std::string_view text) {
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
  };
  if (on_terminal.load()) say("\r\x1b[K");
  say(interrupt ? "concertina: interrupted\n" : "concertina: terminated\n");
  _exit(static_cast<int>(interrupt ? ExitCode::kInterrupted : ExitCode::kTerminated));
}

void on_signal(int signal) {
  int32_t none = 0;
  if (!first_signal.compare_exchange_strong(none, signal)) end_at_once(none);
  raise_flag(*signal_flag.load(),
             signal == SIGINT ? StopReason::kInterrupt : StopReason::kTerminate);
  ::alarm(kGraceSeconds);
}

void on_alarm(int /*signal*/) {
  if (savers.load() == 0) end_at_once(first_signal.load());
  ::alarm(kGraceSeconds);
}

void install(int signal, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;  // reads and writes of libraries are restarted
  sigemptyset(&action.sa_mask);
  CONCERTINA_ASSERT(sigaction(signal, &action, nullptr) == 0);
}

}  // namespace

StopReason StopToken::reason() const noexcept {
  const StopReason asked = flag_ ? flag_->load() : StopReason::kNone;
  if (asked != StopReason::kNone || !deadline_) return asked;
  return std::chrono::steady_clock::now() >= *deadline_ ? StopReason::kTimeUp : StopReason::kNone;
}

StopToken StopToken::with_deadline(std::chrono::steady_clock::duration from_now) const {
  using Clock = std::chrono::steady_clock;
  const auto now = Clock::now();
  const bool never = from_now >= Clock::time_point::max() - now;
  const auto deadline = never ? Clock::time_point::max() : now + from_now;
  StopToken token = *this;
  token.deadline_ = deadline_ ? std::min(*deadline_, deadline) : deadline;
  return token;
}

void throw_if_interrupted(StopReason reason, const std::string& what_was_saved) {
  if (reason != StopReason::kInterrupt && reason != StopReason::kTerminate) return;
  const bool interrupt = reason == StopReason::kInterrupt;
  const std::string message = interrupt ? "interrupted" : "terminated";
  throw Interrupted(interrupt ? ExitCode::kInterrupted : ExitCode::kTerminated,
                    what_was_saved.empty() ? message : message + "; " + what_was_saved);
}

SavesOnStop::SavesOnStop() noexcept { ++savers; }
SavesOnStop::~SavesOnStop() {
  --savers;
  if (first_signal.load() != 0) ::alarm(kGraceSeconds);  // to report what was saved
}

StopSource::StopSource() : flag_(std::make_shared<Flag>(StopReason::kNone)) {}

StopSource StopSource::from_signals() {
  StopSource source;
  // A signal may arrive after main's source is destroyed.
  static const std::shared_ptr<Flag> kept = source.flag_;
  CONCERTINA_ASSERT(kept == source.flag_);  // called once
  signal_flag = kept.get();
  on_terminal = ::isatty(STDERR_FILENO) == 1;
  install(SIGINT, on_signal);
  install(SIGTERM, on_signal);
  install(SIGALRM, on_alarm);
  ::signal(SIGXFSZ, SIG_IGN);
  return source;
}

StopToken StopSource::token() const {
  StopToken token;
  token.flag_ = flag_;
  return token;
}

void StopSource::request(StopReason reason) { raise_flag(*flag_, reason); }

}  // namespace concertina
