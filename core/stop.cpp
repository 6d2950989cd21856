#include "core/stop.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>

namespace concertina {
namespace {

using Flag = std::atomic<StopReason>;
static_assert(Flag::is_always_lock_free, "the flag is written by a signal handler");

std::atomic<Flag*> signal_flag = nullptr;
std::atomic<bool> interrupted_before = false;

void raise_flag(Flag& flag, StopReason reason) noexcept {
  StopReason none = StopReason::kNone;
  flag.compare_exchange_strong(none, reason);  // the first reason stays
}

void on_signal(int signal) {
  if (signal == SIGINT && interrupted_before.exchange(true)) {
    _exit(static_cast<int>(ExitCode::kInterrupted));
  }
  raise_flag(*signal_flag.load(),
             signal == SIGINT ? StopReason::kInterrupt : StopReason::kTerminate);
}

void install(int signal) {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;  // libraries' reads and writes go on
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

StopSource::StopSource() : flag_(std::make_shared<Flag>(StopReason::kNone)) {}

StopSource StopSource::from_signals() {
  StopSource source;
  static const std::shared_ptr<Flag> kept =
      source.flag_;                         // a signal may come after main's source is gone
  CONCERTINA_ASSERT(kept == source.flag_);  // called once
  signal_flag = kept.get();
  install(SIGINT);
  install(SIGTERM);
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
