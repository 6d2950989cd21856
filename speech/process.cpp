#include "speech/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

#include "core/errors.h"

namespace concertina {
namespace {

[[noreturn]] void cannot_start(const std::string& program, int error) {
  throw SystemError(fmt::format("{}: cannot be started: {}", program, std::strerror(error)));
}

struct Pipe {
  int ends[2] = {-1, -1};
  explicit Pipe(const std::string& program) {
    if (::pipe2(ends, O_CLOEXEC) != 0) cannot_start(program, errno);
  }
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void close_end(int end) {
    if (ends[end] >= 0) ::close(ends[end]);
    ends[end] = -1;
  }
};

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> result;
  for (std::string& word : words) result.push_back(word.data());
  result.push_back(nullptr);
  return result;
}

// Our environment with LC_ALL=C, so that the output can be parsed.
std::vector<std::string> plain_environment() {
  std::vector<std::string> result = {"LC_ALL=C"};
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with("LC_ALL=")) result.emplace_back(*entry);
  }
  return result;
}

pid_t start(std::vector<std::string> words, const std::filesystem::path& folder, const Pipe& out,
            const Pipe& err) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out.ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.ends[1], STDERR_FILENO);
  if (!folder.empty()) posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  auto environment = plain_environment();
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, words[0].c_str(), &actions, nullptr,
                                   pointers(words).data(), pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) cannot_start(words[0], error);
  return child;
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// One read; false at the end of the stream.
bool drain(int fd, std::string& text) {
  std::array<char, 1 << 14> buffer;
  const ssize_t n = ::read(fd, buffer.data(), buffer.size());
  if (n < 0 && errno == EINTR) return true;
  if (n > 0) text.append(buffer.data(), static_cast<size_t>(n));
  return n > 0;
}

// False when a stop was requested before the program closed its output.
bool collect_output(Pipe& out, Pipe& err, const StopToken& stop, ProgramResult& result) {
  constexpr int kPollMs = 200;
  while (out.ends[0] >= 0 || err.ends[0] >= 0) {
    if (stop.stop_requested()) return false;
    std::array<pollfd, 2> waiting = {pollfd{out.ends[0], POLLIN, 0},
                                     pollfd{err.ends[0], POLLIN, 0}};
    if (::poll(waiting.data(), waiting.size(), kPollMs) <= 0) continue;
    if (waiting[0].revents != 0 && !drain(out.ends[0], result.output)) out.close_end(0);
    if (waiting[1].revents != 0 && !drain(err.ends[0], result.errors)) err.close_end(0);
  }
  return true;
}

}  // namespace

ProgramResult run_program(const std::vector<std::string>& words,
                          const std::filesystem::path& folder, const StopToken& stop) {
  CONCERTINA_ASSERT(!words.empty());
  Pipe out(words[0]);
  Pipe err(words[0]);
  const pid_t child = start(words, folder, out, err);
  out.close_end(1);
  err.close_end(1);
  ProgramResult result;
  const bool ended = collect_output(out, err, stop, result);
  if (!ended) ::kill(child, SIGTERM);
  result.status = wait_for(child);
  if (!ended) check_stop(stop, words[0] + " was ended");
  return result;
}

void check_stop(const StopToken& stop, const std::string& state) {
  if (!stop.stop_requested()) return;
  stop.throw_if_interrupted(state);
  throw Interrupted(ExitCode::kInterrupted, "out of time; " + state);
}

}  // namespace concertina
