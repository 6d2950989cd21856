// The log: one line per event on stderr, through spdlog (which stays inside log.cpp). Thread-safe.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace concertina {

enum class LogLevel { kDebug, kInfo, kWarn, kError, kOff };

void set_log_level(LogLevel level);
LogLevel log_level_from(std::string_view name);  // debug|info|warn|error|off; InputError otherwise
void log_line(LogLevel level, std::string_view text);

template <class... A>
void log_debug(fmt::format_string<A...> f, A&&... a) {
  log_line(LogLevel::kDebug, fmt::format(f, std::forward<A>(a)...));
}
template <class... A>
void log_info(fmt::format_string<A...> f, A&&... a) {
  log_line(LogLevel::kInfo, fmt::format(f, std::forward<A>(a)...));
}
template <class... A>
void log_warn(fmt::format_string<A...> f, A&&... a) {
  log_line(LogLevel::kWarn, fmt::format(f, std::forward<A>(a)...));
}
template <class... A>
void log_error(fmt::format_string<A...> f, A&&... a) {
  log_line(LogLevel::kError, fmt::format(f, std::forward<A>(a)...));
}

}  // namespace concertina
