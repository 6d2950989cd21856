#include "core/lost_mapping.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <string>

#include "core/errors.h"

namespace concertina {
namespace {

// In static memory: a signal handler reads it.
struct Mapping {
  std::atomic<uintptr_t> begin = 0;  // 0: free
  std::atomic<size_t> bytes = 0;
  std::array<char, 1024> path = {};
};
std::array<Mapping, 64> mappings;
std::mutex mutex;  // of writers

void say(const char* text) {
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text, std::strlen(text));
}

[[noreturn]] void on_bus_error(int /*signal*/, siginfo_t* info, void* /*context*/) {
  const auto at = reinterpret_cast<uintptr_t>(info->si_addr);
  const char* path = "a mapped file";
  for (const Mapping& mapping : mappings) {
    const uintptr_t begin = mapping.begin;
    if (begin != 0 && at >= begin && at - begin < mapping.bytes) path = mapping.path.data();
  }
  say("concertina: ");
  say(path);
  say(" was truncated or became unreadable while it was in use\n");
  ::_exit(static_cast<int>(ExitCode::kSystem));
}

}  // namespace

void report_lost_mappings() {
  struct sigaction action = {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  ::sigaction(SIGBUS, &action, nullptr);
}

void register_mapping(const void* begin, size_t bytes, const std::filesystem::path& path) {
  const std::string text = path.string();
  const std::scoped_lock lock(mutex);
  for (Mapping& mapping : mappings) {
    if (mapping.begin != 0) continue;
    mapping.path.fill('\0');
    text.copy(mapping.path.data(), mapping.path.size() - 1);
    mapping.bytes = bytes;
    mapping.begin = reinterpret_cast<uintptr_t>(begin);
    return;
  }
}

void unregister_mapping(const void* begin) {
  const std::scoped_lock lock(mutex);
  for (Mapping& mapping : mappings) {
    if (mapping.begin == reinterpret_cast<uintptr_t>(begin)) mapping.begin = 0;
  }
}

}  // namespace concertina
