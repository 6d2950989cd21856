// A progress bar on stderr, drawn only on a terminal and cleared around log lines. Elsewhere one
// line is printed every 30 s and at the end, so that logs stay readable. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace concertina {

void set_progress_enabled(bool enabled);  // --quiet; default on

class Progress {
 public:
  Progress(std::string title, int64_t total, int64_t start = 0);  // total 0: unknown
  ~Progress();                                                    // finishes
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void advance(int64_t by = 1);
  void note(std::string_view text);  // e.g. "loss 2.31, 160 audio-s/s"
  void finish();                     // prints title, note and wall time once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace concertina
