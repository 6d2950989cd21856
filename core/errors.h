// Errors. What a user can cause is a typed exception with one sentence: what, where, what was
// expected, and the nearest valid name. A bug is a failed CONCERTINA_ASSERT. The library never
// exits and never prints.
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace concertina {

// Process exit codes; apps/main.cpp is the only place that exits.
enum class ExitCode : int {
  kDone = 0,
  kNoAnswer = 1,     // a valid question without an answer: no subnet fits the budget
  kBadInput = 2,     // invalid input: usage, config, malformed or truncated file
  kSystem = 3,       // system error: missing file, permission, disk full, locked, download
  kNumeric = 4,      // a non-finite loss or feature
  kCheckFailed = 5,  // a requested check failed (--verify)
  kBug = 70,
  kInterrupted = 130,  // SIGINT, state saved
  kTerminated = 143,   // SIGTERM, state saved
};

class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ExitCode code() const noexcept { return code_; }

 private:
  ExitCode code_;
};

struct NoAnswer : Error {
  explicit NoAnswer(const std::string& m) : Error(ExitCode::kNoAnswer, m) {}
};
struct InputError : Error {
  explicit InputError(const std::string& m) : Error(ExitCode::kBadInput, m) {}
};
struct SystemError : Error {
  explicit SystemError(const std::string& m) : Error(ExitCode::kSystem, m) {}
};
struct NumericError : Error {
  explicit NumericError(const std::string& m) : Error(ExitCode::kNumeric, m) {}
};
struct CheckFailed : Error {
  explicit CheckFailed(const std::string& m) : Error(ExitCode::kCheckFailed, m) {}
};
// Thrown after state was saved because a stop was requested; `code` is kInterrupted or kTerminated.
struct Interrupted : Error {
  Interrupted(ExitCode code, const std::string& m) : Error(code, m) {}
};

// The candidate closest to `word` by edit distance, or "" when the distance of all is more than
// half the length of `word`.
std::string nearest_name(std::string_view word, std::span<const std::string> candidates);

// " (did you mean 'x'?)" or "", to append to a message about an unknown name.
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

namespace detail {
[[noreturn]] void assert_failed(const char* expression, const char* file, int line);
}

}  // namespace concertina

// Throws std::logic_error, which run_guarded() (apps/verb.h) reports with exit code 70. Never for
// user input.
#define CONCERTINA_ASSERT(expression) \
  (static_cast<bool>(expression)      \
       ? void(0)                      \
       : ::concertina::detail::assert_failed(#expression, __FILE__, __LINE__))
