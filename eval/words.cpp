#include "eval/words.h"

namespace concertina {
namespace {

constexpr char32_t kReplacement = 0xFFFD, kApostrophe = U'\'', kRightQuote = 0x2019;

bool in_block(char32_t c, char32_t low, char32_t high) { return low <= c && c <= high; }

char32_t lower_case(char32_t c) {
  if (in_block(c, U'A', U'Z') || (in_block(c, 0xC0, 0xDE) && c != 0xD7)) return c + 32;
  if (in_block(c, 0x100, 0x137) || in_block(c, 0x14A, 0x177)) return c | 1;  // Latin Extended-A
  if (in_block(c, 0x139, 0x148) || in_block(c, 0x179, 0x17E)) return c + (c & 1);
  if (in_block(c, 0x391, 0x3A9)) return c + 32;  // Greek
  if (in_block(c, 0x400, 0x40F)) return c + 80;  // Cyrillic
  if (in_block(c, 0x410, 0x42F)) return c + 32;
  return c;
}

// Of lower case. Beyond ASCII all but spaces, punctuation, symbols and what is not UTF-8.
bool is_in_word(char32_t c) {
  if (c < 0x80) return in_block(c, U'a', U'z') || in_block(c, U'0', U'9');
  return c >= 0xC0 && c != 0xD7 && c != 0xF7 && c != kReplacement && !in_block(c, 0x2000, 0x2BFF) &&
         !in_block(c, 0x3000, 0x303F);
}

// The code point that begins at `at`, which moves behind it.
char32_t next_code_point(std::string_view text, size_t& at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at++);
  if (first < 0x80) return first;
  const int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : first >= 0xC2 ? 1 : 0;
  if (more == 0 || first > 0xF4 || at + static_cast<size_t>(more) > text.size())
    return kReplacement;
  char32_t value = first & (0x3F >> more);
  for (int k = 0; k < more; ++k) {
    if ((byte(at + static_cast<size_t>(k)) & 0xC0) != 0x80) return kReplacement;
    value = value << 6 | (byte(at + static_cast<size_t>(k)) & 0x3F);
  }
  at += static_cast<size_t>(more);
  return value;
}

}  // namespace

std::u32string code_points(std::string_view text) {
  std::u32string all;
  for (size_t at = 0; at < text.size();) all.push_back(next_code_point(text, at));
  return all;
}

std::string utf8_of(std::u32string_view code_points) {
  std::string text;
  for (const char32_t c : code_points) {
    const auto push = [&](char32_t byte) { text.push_back(static_cast<char>(byte)); };
    if (c < 0x80) {
      push(c);
    } else if (c < 0x800) {
      push(0xC0 | c >> 6);
      push(0x80 | (c & 0x3F));
    } else {
      if (c < 0x10000) {
        push(0xE0 | c >> 12);
      } else {
        push(0xF0 | c >> 18);
        push(0x80 | (c >> 12 & 0x3F));
      }
      push(0x80 | (c >> 6 & 0x3F));
      push(0x80 | (c & 0x3F));
    }
  }
  return text;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::u32string word;
  const auto close = [&] {
    while (!word.empty() && word.back() == kApostrophe) word.pop_back();
    if (!word.empty()) words.push_back(utf8_of(word));
    word.clear();
  };
  for (char32_t c : code_points(text)) {
    c = lower_case(c == kRightQuote ? kApostrophe : c);
    if (is_in_word(c) || (c == kApostrophe && !word.empty())) {
      word.push_back(c);
    } else {
      close();
    }
  }
  close();
  return words;
}

}  // namespace concertina
