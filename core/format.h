// Counts and durations as text, and back: 27M, 5G, 40ms, 2h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace concertina {

// Decimal suffixes k, M, G, T (and B for G): "27M" -> 27e6. InputError when it is no number.
double parse_count(std::string_view text);
// "40ms", "1.5s", "2m"/"2min", "2h" -> seconds; a number alone counts `bare_unit_s` seconds.
// InputError when it is no duration.
double parse_seconds(std::string_view text, double bare_unit_s = 1.0);

std::string format_count(double value);    // 26.9M
std::string format_seconds(double value);  // 1m23s, 12.3 s, 4.5 ms

}  // namespace concertina
