// Running another program, without a shell: the words reach it as they are.
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

// `words[0]` is looked up in PATH; `folder` becomes its working folder ("" keeps ours); it runs in
// the C locale. When `stop` asks, the program is ended and Interrupted thrown. SystemError when it
// cannot be started. Thread-safe.
ProgramResult run_program(const std::vector<std::string>& words,
                          const std::filesystem::path& folder, const StopToken& stop);

// Throws Interrupted when `stop` asks, whatever its reason; the message ends with `state`.
void check_stop(const StopToken& stop, const std::string& state);

}  // namespace concertina
