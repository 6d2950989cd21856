// Pieces of text, as views into it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace concertina {

std::string_view trimmed(std::string_view text);  // without blanks and line breaks at both ends

// The parts between separators, empty ones included: at least one.
std::vector<std::string_view> split_text(std::string_view text, char separator);

// Removes the first line of `text` and returns it without its end ("\n" or "\r\n").
std::string_view take_line(std::string_view& text);

}  // namespace concertina
