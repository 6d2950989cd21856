// Runs another program without a shell: its arguments are passed as they are.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/stop.h"

namespace concertina {

struct ProgramResult {
  int status = 0;      // exit status; 128 + signal when a signal ended it
  std::string output;  // stdout
  std::string errors;  // stderr
};

// `words[0]` is looked up in PATH; `folder` is its working folder ("": ours); it runs in the C
// locale. When a stop is requested, the program is ended and Interrupted thrown. SystemError when
// it cannot be started. Thread-safe.
ProgramResult run_program(const std::vector<std::string>& words,
                          const std::filesystem::path& folder, const StopToken& stop);

// Throws Interrupted when a stop was requested for any reason; the message ends with `state`.
void check_stop(const StopToken& stop, const std::string& state);

}  // namespace concertina
