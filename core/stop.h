// Stop requests: Ctrl-C, SIGTERM and time limits all arrive as one StopToken, which loops poll.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "core/errors.h"

namespace concertina {

enum class StopReason { kNone, kInterrupt, kTerminate, kTimeUp };

// Throws Interrupted for a signal, saying "interrupted; " + what_was_saved (e.g. "state saved in
// runs/a"); returns for kNone and kTimeUp.
void throw_if_interrupted(StopReason reason, const std::string& what_was_saved);

// Cheap to copy; thread-safe. A default token never stops.
class StopToken {
 public:
  StopToken() = default;
  bool stop_requested() const noexcept { return reason() != StopReason::kNone; }
  StopReason reason() const noexcept;
  StopToken with_deadline(std::chrono::steady_clock::duration from_now) const;
  void throw_if_interrupted(const std::string& what_was_saved) const {
    concertina::throw_if_interrupted(reason(), what_was_saved);
  }

 private:
  friend class StopSource;
  std::shared_ptr<const std::atomic<StopReason>> flag_;
  std::optional<std::chrono::steady_clock::time_point> deadline_;
};

// While one exists, the process is not ended a second after the first signal: the work polls its
// token, saves its state and ends by itself.
class SavesOnStop {
 public:
  SavesOnStop() noexcept;
  SavesOnStop(const SavesOnStop&) = delete;
  SavesOnStop& operator=(const SavesOnStop&) = delete;
  ~SavesOnStop();
};

class StopSource {
 public:
  StopSource();
  // Installs SIGINT and SIGTERM handlers for the process. The first signal sets the token's reason
  // and gives the work a second to end by itself, after which the process is ended: results are
  // renamed from temporary files, so none is left half written. A second signal ends it at once. A
  // write beyond the file size limit becomes an error of the write instead of a signal. Once, in
  // main.
  static StopSource from_signals();
  StopToken token() const;
  void request(StopReason reason);

 private:
  std::shared_ptr<std::atomic<StopReason>> flag_;
};

}  // namespace concertina
