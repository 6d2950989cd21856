#include "core/format.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "core/errors.h"
#include "core/text.h"

namespace concertina {
namespace {

struct Quantity {
  std::string_view number;
  std::string_view unit;
};

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

Quantity split_unit(std::string_view text) {
  text = trimmed(text);
  const size_t digits = text.find_last_of("0123456789.");
  const size_t length = digits == std::string_view::npos ? 0 : digits + 1;
  return {text.substr(0, length), trimmed(text.substr(length))};
}

// number * 10^exponent, rounded once: the text gets the exponent, so that "40ms" is the double
// nearest to 0.04.
std::optional<double> parse_scaled(std::string_view number, int exponent) {
  if (exponent == 0 || number.find_first_of("eE") != std::string_view::npos) {
    const auto value = parse_number(number);
    return value ? std::optional(*value * std::pow(10.0, exponent)) : std::nullopt;
  }
  return parse_number(fmt::format("{}e{}", number, exponent));
}

std::optional<int> count_exponent(std::string_view suffix) {
  if (suffix.empty()) return 0;
  if (suffix == "k" || suffix == "K") return 3;
  if (suffix == "M") return 6;
  if (suffix == "G" || suffix == "B") return 9;
  if (suffix == "T") return 12;
  return std::nullopt;
}

std::optional<double> seconds_of(const Quantity& quantity, double bare_unit_s) {
  const auto times = [&](double factor) -> std::optional<double> {
    const auto value = parse_number(quantity.number);
    return value ? std::optional(*value * factor) : std::nullopt;
  };
  if (quantity.unit.empty()) return times(bare_unit_s);
  if (quantity.unit == "us") return parse_scaled(quantity.number, -6);
  if (quantity.unit == "ms") return parse_scaled(quantity.number, -3);
  if (quantity.unit == "s") return times(1);
  if (quantity.unit == "m" || quantity.unit == "min") return times(60);
  if (quantity.unit == "h") return times(3600);
  return std::nullopt;
}

std::string format_long_seconds(double value) {
  const auto total = static_cast<int64_t>(std::llround(value));
  const int64_t minutes = total / 60;
  if (minutes < 60) return fmt::format("{}m{:02}s", minutes, total % 60);
  return fmt::format("{}h{:02}m", minutes / 60, minutes % 60);
}

}  // namespace

double parse_count(std::string_view text) {
  const Quantity quantity = split_unit(text);
  const auto exponent = count_exponent(quantity.unit);
  const auto value = exponent ? parse_scaled(quantity.number, *exponent) : std::nullopt;
  if (!value) {
    throw InputError(fmt::format("'{}' is not a number: expected one like 1500, 27M or 5G", text));
  }
  return *value;
}

double parse_seconds(std::string_view text, double bare_unit_s) {
  const auto value = seconds_of(split_unit(text), bare_unit_s);
  if (!value || *value < 0) {
    throw InputError(
        fmt::format("'{}' is not a duration: expected one like 40ms, 1.5s, 2min or 2h", text));
  }
  return *value;
}

std::string format_count(double value) {
  constexpr std::array<std::string_view, 5> kSuffixes = {"", "k", "M", "G", "T"};
  size_t suffix = 0;
  while (std::abs(value) >= 999.5 && suffix + 1 < kSuffixes.size()) {
    value /= 1000;
    ++suffix;
  }
  const bool is_whole = std::abs(value) >= 999.5 && std::abs(value) < 1e6;  // beyond: 1e+288T
  return is_whole ? fmt::format("{:.0f}{}", value, kSuffixes[suffix])
                  : fmt::format("{:.3g}{}", value, kSuffixes[suffix]);
}

std::string format_seconds(double value) {
  if (!std::isfinite(value)) return fmt::format("{} s", value);
  if (value < 0) return fmt::format("-{}", format_seconds(-value));
  if (value >= 59.95) return format_long_seconds(value);
  if (value == 0 || value >= 0.9995) return fmt::format("{:.3g} s", value);
  if (value >= 0.9995e-3) return fmt::format("{:.3g} ms", value * 1e3);
  return fmt::format("{:.3g} us", value * 1e6);
}

}  // namespace concertina
