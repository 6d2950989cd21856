// Words and characters of a transcript, as tasks on text count them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace concertina {

// Code points of UTF-8; a byte that is none counts as U+FFFD.
std::u32string code_points(std::string_view text);
std::string utf8_of(std::u32string_view code_points);

// Of letters and digits, in lower case (Latin, Greek and Cyrillic), with apostrophes inside a word; all
// else separates. "Don't you dare, Joe!" is don't you dare joe.
std::vector<std::string> words_of(std::string_view text);

}  // namespace concertina
