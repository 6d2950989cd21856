#include "core/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include <array>
#include <memory>
#include <vector>

#include "core/errors.h"
#include "core/terminal.h"

namespace concertina {
namespace {

constexpr std::array kLevels = {spdlog::level::debug, spdlog::level::info, spdlog::level::warn,
                                spdlog::level::err, spdlog::level::off};

spdlog::level::level_enum level_of(LogLevel level) { return kLevels[static_cast<size_t>(level)]; }

spdlog::logger& logger() {
  static spdlog::logger* const instance = [] {  // never destroyed: threads may log at exit
    auto* made =
        new spdlog::logger("concertina", std::make_shared<spdlog::sinks::stderr_color_sink_st>());
    made->set_pattern("%T %^%l%$ %v");
    return made;
  }();
  return *instance;
}

}  // namespace

void set_log_level(LogLevel level) { logger().set_level(level_of(level)); }

LogLevel log_level_from(std::string_view name) {
  static const std::vector<std::string> kNames = {"debug", "info", "warn", "error", "off"};
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<LogLevel>(i);
  }
  throw InputError(fmt::format("unknown log level '{}': expected debug, info, warn, error or off{}",
                               name, did_you_mean(name, kNames)));
}

void log_line(LogLevel level, std::string_view text) {
  if (level == LogLevel::kOff || !logger().should_log(level_of(level))) return;
  detail::write_above_bar(
      [&] { logger().log(level_of(level), spdlog::string_view_t(text.data(), text.size())); });
}

}  // namespace concertina
